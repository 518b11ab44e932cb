import Glibc

/// An IP address. An IPv4 address equals its IPv4-mapped IPv6 address `::ffff:a.b.c.d` (RFC 4291 section 2.5.5.2),
/// because a dual-stack socket reports IPv4 peers in that form.
package struct IPAddress: Sendable, Hashable {
    /// The first 64 bits of the IPv6 address.
    package let high: UInt64
    /// The last 64 bits of the IPv6 address.
    package let low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Parses an address as inet_pton(3) does. Returns nil if it is invalid.
    ///
    /// Ignores the zone of an IPv6 address, as in `fe80::1%eth0`: no rule of the relay depends on interfaces.
    package init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "%", maxSplits: 1, omittingEmptySubsequences: false)
        let address = String(parts[0])
        // A NUL would end the text early.
        if address.utf8.contains(0) || parts.count == 2 && (parts[1].isEmpty || !address.utf8.contains(0x3A)) {
            return nil
        }
        var bytes = [UInt8](repeating: 0, count: 16)
        if inet_pton(AF_INET6, address, &bytes) == 1 {
            self.init(high: Self.number(bytes[..<8]), low: Self.number(bytes[8...]))
        } else if inet_pton(AF_INET, address, &bytes) == 1 {
            self.init(high: 0, low: Self.mappedPrefix << 32 | Self.number(bytes[..<4]))
        } else {
            return nil
        }
    }

    package var isIPv4: Bool { high == 0 && low >> 32 == Self.mappedPrefix }

    /// The network address for a prefix length.
    ///
    /// - Parameter length: The prefix length in the IPv6 form, 0 to 128.
    package func masked(to length: Int) -> IPAddress {
        // Swift's shifts yield zero when they shift everything out.
        IPAddress(high: high & ~(.max >> UInt64(min(length, 64))), low: low & ~(.max >> UInt64(max(length - 64, 0))))
    }

    private static let mappedPrefix: UInt64 = 0xFFFF

    private static func number(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        bytes.reduce(0) { $0 << 8 | UInt64($1) }
    }
}

extension IPAddress: CustomStringConvertible {
    package var description: String {
        let bytes = [high, low].flatMap { withUnsafeBytes(of: $0.bigEndian, Array.init) }
        // INET6_ADDRSTRLEN, which includes the NUL.
        return String(unsafeUninitializedCapacity: 46) { buffer in
            buffer.withMemoryRebound(to: CChar.self) { text in
                let size = socklen_t(text.count)
                let written =
                    isIPv4
                    ? inet_ntop(AF_INET, Array(bytes[12...]), text.baseAddress, size)
                    : inet_ntop(AF_INET6, bytes, text.baseAddress, size)
                return written.map { strlen($0) } ?? 0
            }
        }
    }
}
