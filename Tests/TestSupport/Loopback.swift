import Glibc

/// Plain sockets on 127.0.0.1.
public enum Loopback {
    public struct Failure: Error {
        public var code: Int32
    }

    public static func connect(_ descriptor: Int32, to port: UInt16) -> Bool {
        withAddress(port: port) { Glibc.connect(descriptor, $0, $1) } == 0
    }

    /// Binds the socket to a loopback address: 127.0.0.0 plus `host`, which is below 2^24.
    public static func bind(_ descriptor: Int32, to host: UInt32) {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = (0x7F00_0000 | host).bigEndian
        // Choose the port at connect, so that each address has the full range of ports (ip(7)).
        var isLate: Int32 = 1
        setsockopt(
            descriptor, Int32(IPPROTO_IP), IP_BIND_ADDRESS_NO_PORT, &isLate, socklen_t(MemoryLayout<Int32>.size))
        withUnsafePointer(to: &address) { pointer in
            _ = pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }

    /// Binds the socket to a free port and returns the port.
    public static func bindToFreePort(_ descriptor: Int32) throws -> UInt16 {
        try withAddress(port: 0) { address, length in
            var length = length
            guard Glibc.bind(descriptor, address, length) == 0, getsockname(descriptor, address, &length) == 0 else {
                throw Failure(code: errno)
            }
            return address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
                UInt16(bigEndian: $0.pointee.sin_port)
            }
        }
    }

    /// A port without a listener.
    public static func freePort() throws -> UInt16 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        return try bindToFreePort(descriptor)
    }

    /// The local port of a descriptor; nil if it is not an IPv4 socket.
    public static func port(of descriptor: Int32) -> UInt16? {
        withAddress(port: 0) { address, length in
            var length = length
            guard getsockname(descriptor, address, &length) == 0, address.pointee.sa_family == AF_INET else {
                return nil
            }
            return address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
                UInt16(bigEndian: $0.pointee.sin_port)
            }
        }
    }

    public static func isListening(on port: UInt16) -> Bool {
        let probe = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(probe) }
        return connect(probe, to: port)
    }

    private static func withAddress<Result>(
        port: UInt16, _ body: (UnsafeMutablePointer<sockaddr>, socklen_t) throws -> Result
    ) rethrows -> Result {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        return try withUnsafeMutablePointer(to: &address) { pointer in
            try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                try body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }
}
