import Glibc

/// Reads small files. Blocks, so it must not be called on the event loop.
package enum FileContent {
    /// Milliseconds to wait for data. Without it, a pipe without a writer would block for ever.
    private static let pollTimeout: Int32 = 5000

    /// Reads at most `limit` bytes from the start of the file.
    ///
    /// Returns nil and sets errno if the file cannot be opened or read. errno is ETIMEDOUT if a pipe has no data.
    package static func read(_ path: String, limit: Int) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard descriptor >= 0 else { return nil }
        var code: Int32 = 0
        let content = [UInt8](unsafeUninitializedCapacity: limit) { bytes, count in
            count = 0
            while count < limit, code == 0 {
                var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
                // A regular file is always ready.
                guard poll(&request, 1, pollTimeout) == 1 else {
                    code = ETIMEDOUT
                    break
                }
                let found = Glibc.read(descriptor, bytes.baseAddress.map { $0 + count }, limit - count)
                if found == 0 { break }
                if found > 0 { count += found } else if errno != EINTR && errno != EAGAIN { code = errno }
            }
        }
        close(descriptor)
        errno = code
        return code == 0 ? content : nil
    }
}
