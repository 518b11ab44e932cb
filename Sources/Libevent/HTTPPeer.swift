import CLibevent
import Glibc

/// The remote end of a connection, as reported by the kernel.
struct HTTPPeer {
    /// The address without its port; empty for a Unix socket or a disconnected client.
    let address: String
    /// The key of the connection count; nil for a Unix socket.
    let source: Source?

    /// An IPv4 address, or an IPv6 /64 network, the smallest that a subscriber has.
    struct Source: Hashable {
        private let bits: UInt64
        private let isIPv6: Bool

        /// - Returns: nil if the text is not an IP address.
        init?(_ text: String) {
            var four = in_addr()
            var six = in6_addr()
            if inet_pton(AF_INET, text, &four) == 1 {
                (bits, isIPv6) = (UInt64(four.s_addr), false)
                return
            }
            // A zone is this machine's name for a link, not part of the address.
            guard inet_pton(AF_INET6, String(text.prefix { $0 != "%" }), &six) == 1 else { return nil }
            let bytes = withUnsafeBytes(of: &six) { Array($0) }
            if bytes.prefix(10).allSatisfy({ $0 == 0 }), bytes[10] == 0xFF, bytes[11] == 0xFF {
                // An IPv4-mapped address (::ffff:0:0/96).
                bits = bytes[12...].reversed().reduce(0) { $0 << 8 | UInt64($1) }
                isIPv6 = false
            } else {
                bits = bytes[..<8].reduce(0) { $0 << 8 | UInt64($1) }
                isIPv6 = true
            }
        }
    }

    init(descriptor: Int32) {
        var storage = sockaddr_storage()
        var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
        var host = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        let code = withUnsafeMutablePointer(to: &storage) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { address -> Int32 in
                guard getpeername(descriptor, address, &size) == 0,
                    [AF_INET, AF_INET6].contains(Int32(address.pointee.sa_family))
                else { return -1 }
                return getnameinfo(address, size, &host, socklen_t(host.count), nil, 0, NI_NUMERICHOST)
            }
        }
        let bytes = host.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        address = code == 0 ? String(decoding: bytes, as: UTF8.self) : ""
        source = Source(address)
    }
}
