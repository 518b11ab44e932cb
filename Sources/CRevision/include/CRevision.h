#ifndef RELAY_CREVISION_H
#define RELAY_CREVISION_H

/// The commit that was built, as the package was told by RELAY_REVISION; "unknown" where it was not told.
///
/// In C since a Swift setting of the package cannot hold text. Only this file is compiled again when it changes.
const char *relay_revision(void);

#endif
