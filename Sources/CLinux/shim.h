#ifndef RELAY_CLINUX_H
#define RELAY_CLINUX_H

#include <spawn.h>
#include <sys/prctl.h>
#include <sys/resource.h>

/// Keeps the process's memory, which holds secrets, out of core files and from debuggers of the same user; prctl(2) is
/// variadic, which Swift cannot call. Returns 0 where the kernel refuses.
static inline int relay_forbid_core_dumps(void) {
    struct rlimit none = {0, 0};
    // Both, each for itself: the unit's filter of system calls refuses the first, and sets the limit itself.
    int is_limited = setrlimit(RLIMIT_CORE, &none) == 0;
    int is_closed = prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0;
    return is_limited && is_closed;
}

// glibc shows it only with its extensions, which Swift's Glibc module does not ask for. For programs that tests start.
int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *actions, int first);

#endif
