#ifndef RELAY_CLINUX_H
#define RELAY_CLINUX_H

#include <spawn.h>
#include <sys/prctl.h>
#include <sys/resource.h>

/// Keeps the process's secrets out of core files, and prevents debuggers of the same user from reading them. In C
/// because prctl(2) is variadic. Returns 0 if the kernel refuses.
static inline int relay_forbid_core_dumps(void) {
    struct rlimit none = {0, 0};
    // Call both, even if one fails: the systemd unit's system call filter refuses setrlimit, and the unit sets the
    // limit.
    int is_limited = setrlimit(RLIMIT_CORE, &none) == 0;
    int is_closed = prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0;
    return is_limited && is_closed;
}

// glibc declares it only with _GNU_SOURCE, which Swift's Glibc module does not define. Used by tests to start programs.
int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *actions, int first);

#endif
