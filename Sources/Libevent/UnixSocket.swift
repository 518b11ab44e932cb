import CLibevent
import Glibc

/// A listening socket in the file system.
public enum UnixSocket {
    /// The longest path that an address holds, without its NUL (unix(7)).
    public static let pathLimit = 107

    /// Listens at `path`, for the owner only; a socket that is there is replaced, so the caller must know that nobody
    /// serves it.
    public static func listen(at path: String) throws(SocketError) -> Int32 {
        guard path.utf8.count <= pathLimit else {
            throw SocketError(description: "\(path) is longer than the \(pathLimit) bytes of a socket's path")
        }
        let flags = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let descriptor = socket(AF_UNIX, flags, 0)
        guard descriptor >= 0 else { throw .failed("cannot make a socket for \(path)") }
        unlink(path)
        // The mode must be right from the first moment on, not after a chmod.
        let mask = umask(0o177)
        let isBound = withAddress(path) { bind(descriptor, $0, $1) } == 0
        let code = errno
        umask(mask)
        guard isBound, Glibc.listen(descriptor, 16) == 0 else {
            close(descriptor)
            throw .failed("cannot listen at \(path)", errno: isBound ? errno : code)
        }
        return descriptor
    }

    private static func withAddress(_ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
        }
    }
}
