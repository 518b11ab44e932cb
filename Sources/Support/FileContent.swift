import Glibc

/// A small file, read at once. Never on the loop.
package enum FileContent {
    /// How long the other end of a pipe may take, in milliseconds: one that nobody writes to would be waited for for ever.
    private static let pollTimeout: Int32 = 5000

    /// At most `limit` bytes from the file's start; nil where it cannot be opened or read, and errno says why.
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
