#ifndef RELAY_CREVISION_H
#define RELAY_CREVISION_H

/// The built commit, set by the environment variable RELAY_REVISION at build time; "unknown" if it was not set.
///
/// In C because a Swift setting of the package cannot define a string. Only this file is recompiled when it changes.
const char *relay_revision(void);

#endif
