#include "CRevision.h"

const char *relay_revision(void) { return RELAY_REVISION; }
