import Glibc

/// A file that does nothing but occupy space, to be given up when the disk is full: SQLite then can neither delete
/// nor checkpoint until something is freed.
struct SpoolBallast {
    let path: String
    /// In bytes; 0 for no ballast at all.
    let size: Int64

    var isHeld: Bool {
        var status = stat()
        // Blocks count 512 bytes (stat(2)); a file of holes holds no space.
        return lstat(path, &status) == 0 && status.st_size == size && Int64(status.st_blocks) * 512 >= size
    }

    /// Takes the space; returns false when there is not enough of it. A file system that cannot reserve space, or a
    /// limit on the size of files, leaves the spool without a ballast.
    func hold() -> Bool {
        guard size > 0, !isHeld else { return true }
        release()
        let descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0o600)
        guard descriptor >= 0 else { return errno != ENOSPC && errno != EDQUOT }
        let code = posix_fallocate(descriptor, 0, off_t(size))
        Glibc.close(descriptor)
        if code != 0 {
            release()
        }
        return code != ENOSPC && code != EDQUOT
    }

    func release() {
        unlink(path)
    }
}
