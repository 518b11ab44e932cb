import CLibevent
import Glibc

/// A failure to set up a socket, with the system's error message.
public struct SocketError: Error, Equatable, CustomStringConvertible {
    public var description: String

    static func failed(_ what: String, errno code: Int32 = errno) -> SocketError {
        SocketError(description: "\(what): \(String(cString: strerror(code)))")
    }
}

/// An IP address and port to listen on, such as `0.0.0.0:8093`, `[::]:8093` or `localhost:8093`. `:8093` and `*:8093`
/// mean all addresses of the machine.
public struct SocketAddress: Sendable, Hashable, CustomStringConvertible {
    /// Without brackets; empty for all addresses of the machine.
    public var host: String
    public var port: UInt16

    public init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    /// Parses `host:port`. An IPv6 host must be in brackets. Returns nil if the text is malformed.
    public init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
            return nil
        }
        var host = text[..<colon]
        if host.hasPrefix("[") && host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
            guard host.contains(":") else { return nil }
        } else if host.contains(where: { ":[]/ ".contains($0) }) {
            return nil
        }
        // `*` commonly means all addresses, but resolvers do not know it.
        self.init(host: host == "*" ? "" : String(host), port: port)
    }

    public var description: String {
        host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }

    /// All addresses of the machine, IPv4 or IPv6.
    public var isWildcard: Bool { host.isEmpty || host == "0.0.0.0" || host == "::" }
    public var isIPv6: Bool { host.contains(":") }

    /// Makes a socket that listens on this address.
    ///
    /// - Parameter acceptsIPv4: whether an IPv6 wildcard also accepts IPv4 connections.
    func makeListeningSocket(acceptsIPv4: Bool) throws(SocketError) -> (descriptor: Int32, bound: SocketAddress) {
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV
        var list: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(host.isEmpty ? "::" : host, String(port), &hints, &list)
        guard code == 0, let info = list else {
            throw SocketError(description: "cannot resolve \(self): \(String(cString: gai_strerror(code)))")
        }
        defer { freeaddrinfo(list) }
        do {
            return try listeningSocket(info.pointee, acceptsIPv4: acceptsIPv4)
        } catch  where host.isEmpty && error.isFamilyMissing {
            // Without IPv6, all addresses are all IPv4 addresses.
            return try SocketAddress(host: "0.0.0.0", port: port).makeListeningSocket(acceptsIPv4: true)
        }
    }

    private func listeningSocket(
        _ info: addrinfo, acceptsIPv4: Bool
    ) throws(SocketError) -> (descriptor: Int32, bound: SocketAddress) {
        let flags = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let descriptor = socket(info.ai_family, flags, 0)
        guard descriptor >= 0 else { throw .failed("cannot make a socket for \(self)") }
        var one: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, 4)
        if info.ai_family == AF_INET6 {
            var only: Int32 = acceptsIPv4 ? 0 : 1
            setsockopt(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY, &only, 4)
        }
        // The kernel reduces the backlog to net.core.somaxconn; libevent's default is 128.
        guard bind(descriptor, info.ai_addr, info.ai_addrlen) == 0, Glibc.listen(descriptor, 4096) == 0 else {
            let error = SocketError.failed("cannot listen on \(self)")
            close(descriptor)
            throw error
        }
        return (descriptor, SocketAddress(host: host, port: Self.boundPort(of: descriptor)))
    }

    private static func boundPort(of descriptor: Int32) -> UInt16 {
        var storage = sockaddr_storage()
        var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return withUnsafeMutablePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { _ = getsockname(descriptor, $0, &size) }
            // The port has the same offset in sockaddr_in and sockaddr_in6.
            return pointer.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
                UInt16(bigEndian: $0.pointee.sin_port)
            }
        }
    }
}

extension SocketError {
    fileprivate var isFamilyMissing: Bool {
        [EAFNOSUPPORT, EADDRNOTAVAIL].contains { description.hasSuffix(String(cString: strerror($0))) }
    }
}
