import Alerts
import Glibc
import Journaling
import RocketChat
import SQLiteJournal
import Support

/// A text that is no network, with what is wrong with it.
struct IPNetworkError: Error, Equatable, CustomStringConvertible {
    let description: String
}

/// A network in CIDR notation (RFC 4632, RFC 4291 section 2.3), or a single address.
struct IPNetwork: Sendable, Hashable {
    private let first: IPAddress
    /// In the IPv6 form: that of an IPv4 network is 96 more than it says.
    private let length: Int
    private let isIPv4: Bool

    /// Reads `10.0.0.0/8`, `192.168.1.7`, `fd00::/8`, `::1`. Bits behind the prefix are cleared, as nginx does:
    /// `10.1.2.3/8` is `10.0.0.0/8`.
    init(_ text: some StringProtocol) throws(IPNetworkError) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        if parts[0].contains("%") {
            throw IPNetworkError(
                description: "\"\(text)\" names a zone, and zones are not told apart here; leave out % and what follows"
            )
        }
        guard let address = IPAddress(parts[0]) else {
            throw IPNetworkError(
                description: "\"\(text)\" is neither an IP address nor a network such as 10.0.0.0/8 or fd00::/8")
        }
        // An IPv4-mapped address is written with 128 bits, yet is IPv4.
        let bits = parts[0].contains(":") ? 128 : 32
        var length = 128
        if parts.count == 2 {
            guard let given = Self.number(parts[1]), given <= bits else {
                throw IPNetworkError(
                    description:
                        "\"\(text)\" needs a number from 0 to \(bits) behind the slash, the length of the prefix")
            }
            length = 128 - bits + given
        }
        first = address.masked(to: length)
        self.length = length
        isIPv4 = length >= 96 && first.isIPv4
    }

    /// IPv4 addresses are in IPv4 networks only: `::/0` is every IPv6 address.
    func contains(_ address: IPAddress) -> Bool {
        address.isIPv4 == isIPv4 && address.masked(to: length) == first
    }

    /// Digits alone, which `Int` does not insist on.
    private static func number(_ text: some StringProtocol) -> Int? {
        guard (1...3).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            return nil
        }
        return Int(text)
    }
}

/// Networks of which an address may be in any.
struct NetworkList: Sendable, Hashable {
    private let networks: [IPNetwork]

    init(_ networks: [IPNetwork] = []) {
        self.networks = networks
    }

    /// Throws what is wrong with the first text that is no network.
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
