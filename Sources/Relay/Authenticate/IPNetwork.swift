import Glibc
import Support

/// Why a text is not a network.
struct IPNetworkError: Error, Equatable, CustomStringConvertible {
    let description: String
}

/// A network in CIDR notation (RFC 4632, RFC 4291 section 2.3), or a single address.
struct IPNetwork: Sendable, Hashable {
    private let first: IPAddress
    /// The prefix length in 128 bits: for an IPv4 network 96 more than in its text.
    private let length: Int
    private let isIPv4: Bool

    /// Parses `10.0.0.0/8`, `192.168.1.7`, `fd00::/8`, `::1`. Bits after the prefix are cleared, as in nginx:
    /// `10.1.2.3/8` is `10.0.0.0/8`.
    init(_ text: some StringProtocol) throws(IPNetworkError) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        if parts[0].contains("%") {
            throw IPNetworkError(
                description: "\"\(text)\" has a zone, which is not supported; remove % and what follows"
            )
        }
        guard let address = IPAddress(parts[0]) else {
            throw IPNetworkError(
                description: "\"\(text)\" is neither an IP address nor a network such as 10.0.0.0/8 or fd00::/8")
        }
        // The text of an IPv4-mapped address has 128 bits, but the address is IPv4.
        let bits = parts[0].contains(":") ? 128 : 32
        var length = 128
        if parts.count == 2 {
            guard let given = Self.number(parts[1]), given <= bits else {
                throw IPNetworkError(
                    description:
                        "\"\(text)\" needs a prefix length from 0 to \(bits) after the slash")
            }
            length = 128 - bits + given
        }
        first = address.masked(to: length)
        self.length = length
        isIPv4 = length >= 96 && first.isIPv4
    }

    /// An IPv4 network contains only IPv4 addresses: `::/0` contains every IPv6 address and no IPv4 address.
    func contains(_ address: IPAddress) -> Bool {
        address.isIPv4 == isIPv4 && address.masked(to: length) == first
    }

    /// Accepts digits only; `Int` also accepts a sign.
    private static func number(_ text: some StringProtocol) -> Int? {
        guard (1...3).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            return nil
        }
        return Int(text)
    }
}

/// A list of networks. An address matches if any network contains it.
struct NetworkList: Sendable, Hashable {
    private let networks: [IPNetwork]

    init(_ networks: [IPNetwork] = []) {
        self.networks = networks
    }

    /// Throws for the first text that is not a network.
    init(_ texts: [String]) throws(IPNetworkError) {
        var networks: [IPNetwork] = []
        for text in texts { networks.append(try IPNetwork(text)) }
        self.init(networks)
    }

    var isEmpty: Bool { networks.isEmpty }

    func contains(_ address: IPAddress) -> Bool {
        networks.contains { $0.contains(address) }
    }
}
