import Support

/// The client address of a request, resolved through trusted proxies.
struct ClientAddress: Sendable, Hashable {
    /// The maximum number of proxies that are followed. The header could list thousands.
    private static let hopLimit = 32

    /// Nil if the peer has no IP address: a Unix socket, or a closed connection.
    let address: IPAddress?

    init(_ address: IPAddress?) {
        self.address = address
    }

    /// The unit that limits count: an IPv4 address, or the /64 of an IPv6 address, because one host can have all of it.
    /// All clients without an address are one unit.
    struct Source: Sendable, Hashable {
        fileprivate let address: IPAddress?
    }

    var source: Source {
        Source(address: address.map { $0.isIPv4 ? $0 : $0.masked(to: 64) })
    }

    /// - Parameters:
    ///   - peer: the remote address of the connection.
    ///   - forwardedFor: the values of all `X-Forwarded-For` fields, in the order of the request. A proxy may add its
    ///     own field after one that the client forged.
    ///   - trustedProxies: proxies that append the address of their client at the right end of the field.
    ///
    /// Follows the list from the right, past trusted proxies, to the first address that is not trusted. An entry that
    /// is not an address ends the search at the previous address: the source of all entries left of it is unknown. A
    /// peer without an IP address is not trusted, so its header is ignored.
    init(peer: String, forwardedFor: [String], trustedProxies: NetworkList) {
        guard var believed = IPAddress(peer) else {
            self.init(nil)
            return
        }
        var hops = forwardedFor.reversed().lazy
            .flatMap { $0.split(separator: ",").reversed() }
            .map { Self.trimmed($0) }
            .filter { !$0.isEmpty }  // RFC 9110 section 5.6.1: empty elements of a list are ignored.
            .prefix(Self.hopLimit)
            .makeIterator()
        while trustedProxies.contains(believed), let hop = hops.next(), let next = Self.address(of: hop) {
            believed = next
        }
        self.init(believed)
    }

    private static func trimmed(_ text: Substring) -> Substring {
        let isBlank: (Character) -> Bool = { $0 == " " || $0 == "\t" }
        let front = text.drop(while: isBlank)
        return front.lastIndex { !isBlank($0) }.map { front[...$0] } ?? ""
    }

    /// Reads an address with or without a port: `192.0.2.1`, `192.0.2.1:5678`, `::1`, `[::1]`, `[::1]:80`.
    private static func address(of hop: Substring) -> IPAddress? {
        if hop.hasPrefix("[") {
            guard let end = hop.firstIndex(of: "]"), isPort(hop[hop.index(after: end)...]) else { return nil }
            let inside = hop[..<end].dropFirst()
            // Only IPv6 addresses have brackets.
            return inside.contains(":") ? IPAddress(inside) : nil
        }
        guard let colon = hop.firstIndex(of: ":"), colon == hop.lastIndex(of: ":") else { return IPAddress(hop) }
        return isPort(hop[colon...]) ? IPAddress(hop[..<colon]) : nil
    }

    /// Whether the text is empty, or a colon and a 16-bit number.
    private static func isPort(_ text: Substring) -> Bool {
        if text.isEmpty { return true }
        let digits = text.dropFirst().utf8
        return text.hasPrefix(":") && digits.allSatisfy { (0x30...0x39).contains($0) }
            && UInt16(text.dropFirst()) != nil
    }
}

extension ClientAddress: CustomStringConvertible {
    var description: String { address?.description ?? "unknown" }
}

extension ClientAddress.Source: CustomStringConvertible {
    var description: String {
        guard let address else { return "unknown" }
        return address.isIPv4 ? address.description : "\(address)/64"
    }
}
