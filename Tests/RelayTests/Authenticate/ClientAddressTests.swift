import Testing

@testable import Relay

@Suite struct ClientAddressTests {
    private static func resolve(_ peer: String, _ fields: [String], trusting proxies: [String] = trusted) throws
        -> String
    {
        ClientAddress(peer: peer, forwardedFor: fields, trustedProxies: try NetworkList(proxies)).description
    }

    private static let trusted = ["10.0.0.0/8", "::1", "fe80::/10"]

    @Test(arguments: [
        ([], "10.0.0.1"), ([""], "10.0.0.1"), (["192.0.2.1"], "192.0.2.1"), (["192.0.2.1:5678"], "192.0.2.1"),
        (["[2001:db8::1]:80"], "2001:db8::1"), (["[2001:db8::1]"], "2001:db8::1"), (["2001:db8::1"], "2001:db8::1"),
        (["::ffff:192.0.2.1"], "192.0.2.1"), (["fe80::5%eth0"], "fe80::5"), ([" \t192.0.2.1\t "], "192.0.2.1"),
        // The client can forge entries to the left of its own address.
        (["203.0.113.9, 192.0.2.1"], "192.0.2.1"), (["10.9.9.9, 192.0.2.1"], "192.0.2.1"),
        // Trusted proxies are skipped, in one field or several.
        (["192.0.2.1, 10.0.0.2, ::1"], "192.0.2.1"), (["192.0.2.1", "10.0.0.2", "[::1]:9"], "192.0.2.1"),
        (["203.0.113.9", "192.0.2.1,10.0.0.2"], "192.0.2.1"), (["203.0.113.9, 10.0.0.3", "192.0.2.1"], "192.0.2.1"),
        // All entries are trusted: the leftmost is the client.
        (["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        // Empty elements.
        (["192.0.2.1,, ,10.0.0.2,"], "192.0.2.1"), ([",", "", " , "], "10.0.0.1"),
        // An invalid entry ends the search at the last valid address.
        (["unknown"], "10.0.0.1"), (["192.0.2.1, unknown"], "10.0.0.1"), (["192.0.2.1, junk, 10.0.0.2"], "10.0.0.2"),
        (["192.0.2.1, 10.0.0.2 10.0.0.3"], "10.0.0.1"), (["192.0.2.1, _hidden, 10.0.0.7:1"], "10.0.0.7"),
    ])
    func rightmostUntrustedAddressIsTheClient(fields: [String], client: String) throws {
        #expect(try Self.resolve("10.0.0.1", fields) == client)
    }

    @Test(arguments: [
        "192.0.2.1:", "192.0.2.1:http", "192.0.2.1:65536", "192.0.2.1:+80", "192.0.2.1:-1", "192.0.2.1:80:80", ":80",
        "[192.0.2.1]", "[192.0.2.1]:80", "[2001:db8::1", "2001:db8::1]", "[2001:db8::1]80", "[2001:db8::1]:", "[]",
        "[2001:db8::1]:80]", "\"192.0.2.1\"", "for=192.0.2.1", "192.0.2.1/32", "192.0.2", "0xC0.0.2.1", "3221225985",
        "192.0.2.1;", "192.0.2.1\0", "192.0.2.\u{661}", "192.0.2.1%eth0",
    ])
    func invalidAddressesAreIgnored(entry: String) throws {
        #expect(try Self.resolve("10.0.0.1", ["203.0.113.9, \(entry)"]) == "10.0.0.1")
    }

    @Test func untrustedPeerIsTheClient() throws {
        #expect(try Self.resolve("192.0.2.7", ["10.0.0.1"]) == "192.0.2.7")
        #expect(try Self.resolve("10.0.0.1", ["192.0.2.7"], trusting: []) == "10.0.0.1")
        #expect(try Self.resolve("2001:db8::1", ["10.0.0.1"]) == "2001:db8::1")
    }

    @Test(arguments: ["::ffff:10.0.0.1", "::1", "fe80::1%eth0"])
    func trustedPeerIsRecognizedInEveryForm(peer: String) throws {
        #expect(try Self.resolve(peer, ["192.0.2.1"]) == "192.0.2.1")
    }

    @Test(arguments: ["", "localhost", "/run/relay.sock"])
    func aPeerWithoutAnAddressIsUnknownAndNotTrusted(peer: String) throws {
        #expect(try Self.resolve(peer, ["192.0.2.1"], trusting: ["0.0.0.0/0", "::/0"]) == "unknown")
    }

    @Test func longForwardedChainIsTruncated() throws {
        let many = (0..<10_000).map { "10.0.\($0 / 256).\($0 % 256)" }.joined(separator: ",")
        #expect(try Self.resolve("10.0.0.1", ["192.0.2.1," + many]) == "10.0.38.240")  // The 32nd from the right.
    }
}
