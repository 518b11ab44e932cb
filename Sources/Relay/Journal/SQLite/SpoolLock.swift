import Glibc

/// The hold of one process on a spool's folder; ends with the process or with this object, whichever is first.
final class SpoolLock {
    private let descriptor: Int32

    /// Takes the lock and writes this process's id into its file.
    init(folder: String) throws(JournalOpenError) {
        let path = folder + "/spool.lock"
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0o600)
        guard descriptor >= 0 else { throw SpoolGuard.openError(path, errno) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            defer { Glibc.close(descriptor) }
            throw errno == EWOULDBLOCK
                ? .locked(folder: folder, process: Self.holder(descriptor))
                : .unusable(path: path, reason: String(cString: strerror(errno)))
        }
        // The id is for people only, so a full disk may leave it out.
        let identity = [UInt8]("\(getpid())\n".utf8)
        _ = ftruncate(descriptor, 0)
        _ = pwrite(descriptor, identity, identity.count, 0)
    }

    deinit {
        // The file stays: unlinking it would let two processes lock two files of one name.
        Glibc.close(descriptor)
    }

    private static func holder(_ descriptor: Int32) -> Int32? {
        var bytes = [UInt8](repeating: 0, count: 16)
        let count = pread(descriptor, &bytes, bytes.count, 0)
        guard count > 0 else { return nil }
        return Int32(String(decoding: bytes.prefix(count).prefix { $0 != 10 }, as: UTF8.self))
    }
}
