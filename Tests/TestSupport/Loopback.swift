import Glibc

/// Plain sockets on 127.0.0.1.
public enum Loopback {
    public struct Failure: Error {
        public var code: Int32
    }

    public static func connect(_ descriptor: Int32, to port: UInt16) -> Bool {
        withAddress(port: port) { Glibc.connect(descriptor, $0, $1) } == 0
    }

    /// Has the socket come from an address of this machine: 127.0.0.0 and a number below 2^24.
    public static func bind(_ descriptor: Int32, to host: UInt32) {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = (0x7F00_0000 | host).bigEndian
        // The port is chosen at connect, so that there are as many for each address (ip(7)).
        var isLate: Int32 = 1
        setsockopt(
            descriptor, Int32(IPPROTO_IP), IP_BIND_ADDRESS_NO_PORT, &isLate, socklen_t(MemoryLayout<Int32>.size))
        withUnsafePointer(to: &address) { pointer in
            _ = pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }

    /// Binds the socket to a port that is free, and returns it.
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

    /// A port on which nobody listens now.
    public static func freePort() throws -> UInt16 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        return try bindToFreePort(descriptor)
    }

    /// The port that a descriptor's own end is bound to; nil where it is no socket of IPv4.
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
