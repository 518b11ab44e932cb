import TestSupport
import Testing

@testable import Relay
@testable import Support

@Suite struct IPNetworkTests {
    @Test(arguments: [
        ("10.0.0.0/8", ["10.0.0.0", "10.255.255.255", "::ffff:10.1.2.3"], ["11.0.0.0", "9.255.255.255", "::a00:0"]),
        ("10.1.2.3/8", ["10.0.0.0", "10.200.0.1"], ["11.1.2.3"]),
        ("192.168.1.7", ["192.168.1.7", "::ffff:192.168.1.7", "::ffff:c0a8:107"], ["192.168.1.6", "::c0a8:107"]),
        ("192.168.1.7/32", ["192.168.1.7"], ["192.168.1.6"]),
        ("0.0.0.0/0", ["0.0.0.0", "255.255.255.255"], ["::1", "::", "::fffe:102:304"]),
        ("172.16.0.0/12", ["172.16.0.1", "172.31.255.255"], ["172.32.0.0", "172.15.255.255"]),
        ("::1", ["::1", "0:0:0:0:0:0:0:1"], ["::", "::2", "0.0.0.1", "127.0.0.1"]),
        ("fd00::/8", ["fd00::", "fdff:ffff::1"], ["fc00::1", "fe00::1", "253.0.0.1"]),
        ("fe80::/10", ["fe80::1%eth0", "fe80::1", "febf::1%3"], ["fec0::1%eth0"]),
        ("2001:db8::1/63", ["2001:db8::", "2001:db8:0:1:ffff::"], ["2001:db8:0:2::"]),
        ("2001:db8::/65", ["2001:db8::7fff:ffff:ffff:ffff"], ["2001:db8::8000:0:0:0"]),
        ("::/0", ["::", "::1", "ffff::"], ["1.2.3.4", "::ffff:1.2.3.4"]),
        ("::ffff:10.0.0.0/104", ["10.9.9.9", "::ffff:10.9.9.9"], ["11.0.0.0", "::1"]),
        ("::ffff:0:0/96", ["1.2.3.4"], ["::1"]),
        ("::ffff:1.2.3.4/80", ["::1"], ["1.2.3.4"]),
        ("1.2.3.4/08", ["1.0.0.0"], ["2.0.0.0"]),
    ])
    func aNetworkHoldsItsAddresses(network: String, inside: [String], outside: [String]) throws {
        let network = try IPNetwork(network)
        for text in inside { #expect(network.contains(try #require(IPAddress(text))), "\(text)") }
        for text in outside { #expect(!network.contains(try #require(IPAddress(text))), "\(text)") }
    }

    @Test(arguments: [
        ("", "neither"), ("/8", "neither"), ("10.0.0", "neither"), ("10.0.0.0.0", "neither"), ("010.0.0.1", "neither"),
        ("256.0.0.1", "neither"), ("10.0.0.1:80", "neither"), ("[::1]", "neither"), (" 10.0.0.1", "neither"),
        ("10.0.0.1 ", "neither"), ("proxy.example.org", "neither"), (":::", "neither"), ("1::2::3", "neither"),
        ("12345::", "neither"), ("10.0.0.1\0", "neither"), ("::1\0/128", "neither"), ("0x7f.0.0.1", "neither"),
        ("10.0.0.0/", "from 0 to 32"), ("10.0.0.0/33", "from 0 to 32"), ("10.0.0.0/-1", "from 0 to 32"),
        ("10.0.0.0/+8", "from 0 to 32"), ("10.0.0.0/255.0.0.0", "from 0 to 32"), ("10.0.0.0/8/8", "from 0 to 32"),
        ("10.0.0.0/8 ", "from 0 to 32"), ("10.0.0.0/٨", "from 0 to 32"), ("10.0.0.0/0008", "from 0 to 32"),
        ("::/129", "from 0 to 128"), ("::/99999999999999999999", "from 0 to 128"), ("fe80::1%eth0", "zone"),
        ("fe80::%eth0/64", "zone"),
    ])
    func invalidNetworksAreRefusedWithAReason(text: String, reason: String) throws {
        let error = try #require(throws: IPNetworkError.self) { _ = try IPNetwork(text) }
        #expect(error.description.contains(reason))
    }

    @Test(arguments: [
        ("::FFFF:1.2.3.4", "1.2.3.4"), ("1.2.3.4", "1.2.3.4"), ("2001:DB8:0:0:0:0:0:1", "2001:db8::1"), ("::", "::"),
        ("fe80::1%eth0", "fe80::1"), ("255.255.255.255", "255.255.255.255"), ("0.0.0.0", "0.0.0.0"),
        ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"),
        (
            "1111:2222:3333:4444:5555:6666:7777:8888%a-long-zone", "1111:2222:3333:4444:5555:6666:7777:8888"
        ),
    ])
    func anAddressPrintsInItsShortestForm(text: String, printed: String) {
        #expect(IPAddress(text)?.description == printed)
    }

    @Test(arguments: ["1.2.3.4%eth0", "::1%", "%", "%eth0", "1.2.3.4\0", "1.2.3.4\n", "::1 ", "localhost", ""])
    func invalidAddressesAreRefused(text: String) {
        #expect(IPAddress(text) == nil)
    }

    /// Models an address as an array of bits.
    private struct Bits {
        var bits: [Bool]

        static func random(_ count: Int, using random: inout SeededGenerator) -> Bits {
            Bits(bits: (0..<count).map { _ in .random(using: &random) })
        }

        /// Returns a copy with the bit at `place` inverted.
        func flipped(at place: Int) -> Bits {
            var other = self
            other.bits[place].toggle()
            return other
        }

        private func group(_ place: Int, of size: Int) -> Int {
            bits[(place * size)..<((place + 1) * size)].reduce(0) { $0 * 2 + ($1 ? 1 : 0) }
        }

        var text: String {
            bits.count == 32
                ? (0..<4).map { String(group($0, of: 8)) }.joined(separator: ".")
                : (0..<8).map { String(group($0, of: 16), radix: 16) }.joined(separator: ":")
        }
    }

    @Test(arguments: [32, 128], 1...20)
    func onlyPrefixBitsDecideMembership(size: Int, seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        for length in 0...size {
            let base = Bits.random(size, using: &random)
            let network = try IPNetwork("\(base.text)/\(length)")
            for place in 0..<size {
                let other = try #require(IPAddress(base.flipped(at: place).text))
                #expect(network.contains(other) == (place >= length))
            }
            let unrelated = Bits.random(size, using: &random)
            let isInside = unrelated.bits.prefix(length).elementsEqual(base.bits.prefix(length))
            #expect(network.contains(try #require(IPAddress(unrelated.text))) == isInside)
        }
    }

    @Test func listContainsTheAddressesOfAllItsNetworks() throws {
        let list = try NetworkList(["10.0.0.0/8", "::1"])
        for (text, isInside) in [("10.1.1.1", true), ("::1", true), ("11.1.1.1", false), ("::2", false)] {
            #expect(list.contains(try #require(IPAddress(text))) == isInside)
        }
        #expect(NetworkList().isEmpty)
        #expect(!NetworkList().contains(try #require(IPAddress("::1"))))
        #expect(throws: IPNetworkError.self) { try NetworkList(["10.0.0.0/8", "nonsense"]) }
    }
}
