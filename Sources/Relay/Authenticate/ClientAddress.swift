import Alerts
import Journaling
import RocketChat
import SQLiteJournal
import Support

/// The address that a request came from, as far as those who say so are trusted.
struct ClientAddress: Sendable, Hashable {
    /// How many proxies one behind the other are believed. The header could name thousands.
    private static let hopLimit = 32

    /// Nil where the peer has no IP address: it speaks through a Unix socket, or is gone.
    let address: IPAddress?

    init(_ address: IPAddress?) {
        self.address = address
    }

    /// What limits count as one: an IPv4 address, or the /64 of an IPv6 address, all of which one host can have. Clients
    /// without an address are one as well.
    struct Source: Sendable, Hashable {
        fileprivate let address: IPAddress?
    }

    var source: Source {
        Source(address: address.map { $0.isIPv4 ? $0 : $0.masked(to: 64) })
    }

    /// - Parameters:
    ///   - peer: the address at the other end of the connection.
    ///   - forwardedFor: the values of all `X-Forwarded-For` fields, in the order of the request. All of them: a proxy may
    ///     add a field of its own behind the one that the client made up.
    ///   - trustedProxies: those who add the address they were called from at the right of the field, and are believed.
    ///
    /// Goes from the right, from proxy to proxy, to the first address that is no trusted proxy's. Something that is no
    /// address ends the way at the one before: who wrote it is not known, nor who wrote what stands left of it. A peer
    /// without an IP address is in no list, so that its header counts for nothing.
    init(peer: String, forwardedFor: [String], trustedProxies: NetworkList) {
        guard var believed = IPAddress(peer) else {
            self.init(nil)
            return
        }
        var hops = forwardedFor.reversed().lazy
            .flatMap { $0.split(separator: ",").reversed() }
            .map { Self.trimmed($0) }
            .filter { !$0.isEmpty }  // RFC 9110 section 5.6.1: empty elements of a list are passed over.
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
            // Brackets are for IPv6.
            return inside.contains(":") ? IPAddress(inside) : nil
        }
        guard let colon = hop.firstIndex(of: ":"), colon == hop.lastIndex(of: ":") else { return IPAddress(hop) }
        return isPort(hop[colon...]) ? IPAddress(hop[..<colon]) : nil
    }

    /// Nothing, or a colon and a number of 16 bits.
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
