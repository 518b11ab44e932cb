import CLibevent
import Glibc
import Support

/// Unix domain sockets (unix(7)).
public enum UnixSocket {
    /// The longest path in a socket address, without its NUL (unix(7)).
    private static let pathLimit = 107

    /// Calls `body` with a path that fits a socket address. If the socket's path is too long, this is a path through an
    /// open descriptor of its folder, valid only in this process and during the call.
    public static func withShortPath<Value>(_ path: String, _ body: (String) -> Value) throws(SocketError) -> Value {
        guard path.utf8.count > pathLimit, let slash = path.lastIndex(of: "/") else { return body(path) }
        let folder = open(String(path[...slash]), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { throw .failed("cannot open the folder of \(path)") }
        defer { close(folder) }
        return body("/proc/self/fd/\(folder)/" + path[path.index(after: slash)...])
    }

    /// The user ID of the process that listens at `path`, at the time it began to; nil if none does (unix(7),
    /// SO_PEERCRED).
    public static func server(at path: String) -> UInt32? {
        // Non-blocking: connecting would wait for a full backlog of a hanging process.
        let flags = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let descriptor = socket(AF_UNIX, flags, 0)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        let isConnected = try? withShortPath(path) { path in
            path.utf8.count <= pathLimit && withAddress(path) { connect(descriptor, $0, $1) } == 0
        }
        return isConnected == true ? peerUser(of: descriptor) : nil
    }

    /// The user ID of the peer process; nil if there is no such process.
    static func peerUser(of descriptor: Int32) -> UInt32? {
        // The layout of struct ucred, which Swift's Glibc module does not import.
        var peer: (pid: Int32, uid: UInt32, gid: UInt32) = (0, .max, .max)
        var size = socklen_t(MemoryLayout.size(ofValue: peer))
        guard getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 else { return nil }
        // Sockets of other families report -1.
        return peer.uid == .max ? nil : peer.uid
    }

    /// Listens at `path` with access for the owner only. An existing socket is replaced; the caller must ensure that it
    /// is not in use.
    public static func listen(at path: String) throws(SocketError) -> Int32 {
        let flags = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let descriptor = socket(AF_UNIX, flags, 0)
        guard descriptor >= 0 else { throw .failed("cannot make a socket for \(path)") }
        do throws(SocketError) {
            let code = try withShortPath(path) { bind(descriptor, to: $0) }
            guard code == 0 else { throw .failed("cannot listen at \(path)", errno: code) }
            guard Glibc.listen(descriptor, 16) == 0 else { throw .failed("cannot listen at \(path)") }
        } catch {
            close(descriptor)
            throw error
        }
        return descriptor
    }

    /// Returns 0 or an errno code.
    private static func bind(_ descriptor: Int32, to path: String) -> Int32 {
        guard path.utf8.count <= pathLimit else { return ENAMETOOLONG }
        unlink(path)
        // Restrict the mode from creation on, not with a later chmod.
        let mask = umask(0o177)
        defer { umask(mask) }
        return withAddress(path) { Glibc.bind(descriptor, $0, $1) } == 0 ? 0 : errno
    }

    /// Sends one datagram. Never blocks; a datagram that cannot be sent is dropped.
    ///
    /// - Parameter name: a path, or a name in the abstract namespace, which begins with `@`.
    public static func send(_ datagram: [UInt8], to name: String) {
        guard name.utf8.count <= pathLimit else { return }
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        _ = withAddress(name) {
            sendto(descriptor, datagram, datagram.count, Int32(MSG_DONTWAIT | MSG_NOSIGNAL), $0, $1)
        }
    }

    /// Calls `body` with the address of a path, or of a name in the abstract namespace, which begins with `@`.
    ///
    /// - precondition: the name has at most `pathLimit` bytes.
    private static func withAddress<Result>(
        _ name: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
    ) -> Result {
        expect(name.utf8.count <= pathLimit, "the name is too long for a Unix socket address")
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name.utf8) }
        if name.hasPrefix("@") { address.sun_path.0 = 0 }
        // An abstract name extends to the end of the address, so a trailing NUL would be part of it.
        let size = socklen_t(MemoryLayout<sa_family_t>.size + name.utf8.count)
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, size) }
        }
    }
}
