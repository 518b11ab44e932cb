#ifndef RELAY_CLINUX_H
#define RELAY_CLINUX_H

#include <link.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

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

/// The first members of `struct dl_phdr_info` (dl_iterate_phdr(3)), which glibc declares only with _GNU_SOURCE.
struct relay_loaded_object {
    ElfW(Addr) address;
    const char *name;
    const ElfW(Phdr) *headers;
    ElfW(Half) count;
};
struct dl_phdr_info;
int dl_iterate_phdr(int (*callback)(struct dl_phdr_info *, size_t, void *), void *data);

static inline int relay_drop_object(struct dl_phdr_info *info, size_t size, void *unused) {
    (void)size;
    (void)unused;
    const struct relay_loaded_object *object = (const struct relay_loaded_object *)info;
    // The program's name is empty. The kernel's vDSO has a name without a path, and is no file.
    if (object->name[0] != '\0' && object->name[0] != '/') return 0;
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    for (ElfW(Half) index = 0; index < object->count; index++) {
        const ElfW(Phdr) *segment = &object->headers[index];
        if (segment->p_type != PT_LOAD || (segment->p_flags & PF_W) != 0) continue;
        const size_t first = (object->address + segment->p_vaddr) & ~(page - 1);
        const size_t end = (object->address + segment->p_vaddr + segment->p_memsz + page - 1) & ~(page - 1);
        madvise((void *)first, end - first, MADV_DONTNEED);
    }
    return 0;
}

/// Drops the pages of all segments of the program and its libraries that are not writable: code, symbol tables,
/// constants. Relocated data is part of a writable segment, also where it is protected later (RELRO).
static inline void relay_drop_read_only_pages(void) {
    dl_iterate_phdr(relay_drop_object, NULL);
}

// glibc declares it only with _GNU_SOURCE, which Swift's Glibc module does not define. Used by tests to start programs.
int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *actions, int first);

#endif
