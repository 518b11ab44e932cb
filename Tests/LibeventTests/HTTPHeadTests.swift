import Testing

@testable import Libevent

/// Unit tests of the parsers for heads and chunked bodies (RFC 9110 and RFC 9112).
@Suite struct HTTPHeadTests {
    private func parse(_ text: String) throws(HTTPRefusal) -> HTTPHead? {
        let bytes = Array(text.utf8)
        return try bytes.withUnsafeBufferPointer { (bytes) throws(HTTPRefusal) -> HTTPHead? in
            var line = 0
            guard let end = try HTTPHead.end(in: bytes, line: &line) else { return nil }
            return try HTTPHead(parsing: UnsafeBufferPointer(rebasing: bytes[..<end]), fieldLimit: 10)
        }
    }

    private func status(_ text: String) -> Int {
        do {
            return try parse(text) == nil ? 0 : 200
        } catch {
            return error.status
        }
    }

    @Test(arguments: [
        ("GET / HTTP/1.1\r\nHost: t\r\n\r\n", HTTPHead.Body.none),
        ("POST /webhook HTTP/1.1\r\nHost: t\r\nContent-Length: 12\r\n\r\n", .length(12)),
        ("POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 0012\r\n\r\n", .length(12)),
        ("POST / HTTP/1.1\r\nHost: t\r\nContent-Length:\t7 \r\n\r\n", .length(7)),
        ("POST / HTTP/1.1\r\nhost: t\r\ntRANSFER-eNCODING: Chunked\r\n\r\n", .chunked),
        ("HEAD / HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\n\r\n", .none),
        ("OPTIONS * HTTP/1.1\r\nHost: t\r\n\r\n", .none),
        ("GET http://t:80/a?b HTTP/1.1\r\nHost: t\r\n\r\n", .none),
        ("GET / HTTP/1.0\r\n\r\n", .none),
        ("GET / HTTP/1.1\r\nHost:\r\n\r\n", .none),
        ("GET /a%20b?c=%5B1%5D HTTP/1.1\r\nHost: my_relay:8093\r\nX-Name: \u{FC}ber\r\n\r\n", .none),
        ("GET / HTTP/1.1\r\nHost: [::1]:8093\r\n\r\n", .none),
        ("GET / HTTP/1.1\r\nHost: [::ffff:192.0.2.1]\r\n\r\n", .none),
        ("GET / HTTP/1.1\r\nHost: [v1f.a:b]\r\n\r\n", .none),
    ])
    func validHeadsAreParsed(head: String, body: HTTPHead.Body) throws {
        #expect(try parse(head)?.body == body)
    }

    @Test(arguments: [
        // Lines and the request line (RFC 9112 sections 2.2 and 3).
        "GET / HTTP/1.1\nHost: t\n\n", "GET / HTTP/1.1\r\nHost: t\n\r\n", "GET / HTTP/1.1\rHost: t\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: t\r\n\rContent-Length: 5\r\n\r\n", "GET  / HTTP/1.1\r\nHost: t\r\n\r\n",
        "GET /  HTTP/1.1\r\nHost: t\r\n\r\n", "GET / HTTP/1.1 \r\nHost: t\r\n\r\n",
        " GET / HTTP/1.1\r\nHost: t\r\n\r\n",
        "GET\t/ HTTP/1.1\r\nHost: t\r\n\r\n", "GET / \r\nHost: t\r\n\r\n", "GET /\r\nHost: t\r\n\r\n", "GET\r\n\r\n",
        "G@T / HTTP/1.1\r\nHost: t\r\n\r\n", "GET / HTTP/01.1\r\nHost: t\r\n\r\n", "GET / HTTP/1.01\r\nHost: t\r\n\r\n",
        "GET / HTTP/0.9\r\nHost: t\r\n\r\n", "GET / http/1.1\r\nHost: t\r\n\r\n", "GET / HTTP/1,1\r\nHost: t\r\n\r\n",
        "GET / HTTP/1.1\u{0}\r\nHost: t\r\n\r\n", "\r\n\r\n",
        // Targets (RFC 9112 section 3.2).
        "GET a HTTP/1.1\r\nHost: t\r\n\r\n", "GET /a#b HTTP/1.1\r\nHost: t\r\n\r\n",
        "GET /\u{0} HTTP/1.1\r\nHost: t\r\n\r\n",
        "GET /a\u{1}b HTTP/1.1\r\nHost: t\r\n\r\n", "GET /a%2 HTTP/1.1\r\nHost: t\r\n\r\n",
        "GET /a%zz HTTP/1.1\r\nHost: t\r\n\r\n", "GET /\u{FC} HTTP/1.1\r\nHost: t\r\n\r\n",
        "GET * HTTP/1.1\r\nHost: t\r\n\r\n",
        "GET http:///a HTTP/1.1\r\nHost: t\r\n\r\n", "GET ftp://t/ HTTP/1.1\r\nHost: t\r\n\r\n",
        "GET http://a@t/ HTTP/1.1\r\nHost: t\r\n\r\n", "GET /a\\b HTTP/1.1\r\nHost: t\r\n\r\n",
        // Fields (RFC 9110 section 5).
        "GET / HTTP/1.1\r\nHost : t\r\n\r\n", "GET / HTTP/1.1\r\n Host: t\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: t\r\nA\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: t\r\n: a\r\n\r\n", "GET / HTTP/1.1\r\nHost: t\r\nA b: c\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: t\r\nA: b\u{0}c\r\n\r\n", "GET / HTTP/1.1\r\nHost: t\r\nA: b\u{7F}\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: t\r\nA: b\r\n c\r\n\r\n", "GET / HTTP/1.1\r\nHost: t\r\nA: \u{B}b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: t\r\nA: b\rc\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: t\r\nX-Forwarded-For: 10.0.0.5\u{0}, 203.0.113.9\r\n\r\n",
        // Host (RFC 9112 section 3.2).
        "GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", "GET / HTTP/1.1\r\nHost: a,b\u{0}\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", "GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a#\r\n\r\n", "GET / HTTP/1.1\r\nHost: [;;;]\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: [1]\r\n\r\n", "GET / HTTP/1.1\r\nHost: [zz::1]\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: [1:2:3:4:5:6:7:8:9]\r\n\r\n", "GET / HTTP/1.1\r\nHost: [v.a]\r\n\r\n",
        "GET http://:80/ HTTP/1.1\r\nHost: t\r\n\r\n", "GET http://[1]/ HTTP/1.1\r\nHost: t\r\n\r\n",
        // Framing (RFC 9112 section 6).
        "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 5, 5\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: +5\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: -1\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 0x5\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 5 5\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: t\r\nContent-Length:\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 9223372036854775808\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: identity\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked, chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked;q=1\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: \u{B}chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding:\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
        // Methods without a body in evhttp.
        "HEAD / HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\n",
        "TRACE / HTTP/1.1\r\nHost: t\r\nContent-Length: 1\r\n\r\n",
        "HEAD / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n",
        "TRACE / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n",
    ])
    func ambiguousHeadsAreRefused(head: String) {
        #expect(status(head) == 400)
    }

    @Test(arguments: [
        ("BREW / HTTP/1.1\r\nHost: t\r\n\r\n", 501), ("get / HTTP/1.1\r\nHost: t\r\n\r\n", 501),
        ("CONNECT t:80 HTTP/1.1\r\nHost: t\r\n\r\n", 405), ("PRI * HTTP/2.0\r\n\r\n", 501),
        ("GET / HTTP/2.0\r\nHost: t\r\n\r\n", 505),
        ("POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 1\r\nExpect: magic\r\n\r\n", 417),
    ])
    func otherRefusalsHaveSpecificStatuses(head: String, expected: Int) {
        #expect(status(head) == expected)
    }

    @Test(arguments: [
        ("GET / HTTP/1.1\r\nHost: t\r\n\r\n", true),
        ("GET / HTTP/1.1\r\nHost: t\r\nConnection: a, Close\r\n\r\n", false),
        ("GET / HTTP/1.0\r\n\r\n", false), ("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true),
        ("GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", false),
    ])
    func persistenceFollowsVersionAndConnectionField(head: String, isKept: Bool) throws {
        #expect(try parse(head)?.keepsAlive == isKept)
    }

    @Test func incompleteHeadReturnsNil() throws {
        let head = Array("GET / HTTP/1.1\r\nHost: t\r\n\r\n".utf8)
        for length in 0..<head.count { #expect(try parse(String(decoding: head[..<length], as: UTF8.self)) == nil) }
    }

    /// Any bytes give a refusal or a head, never a trap.
    @Test func randomBytesNeverTrap() {
        var random = SystemRandomNumberGenerator()
        let seeds = [
            "POST /a?b HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\nConnection: close\r\n\r\n", "GET / HTTP/1.0\r\n\r\n",
        ]
        for round in 0..<20_000 {
            var bytes = Array(seeds[round % seeds.count].utf8)
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let index = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[index] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.remove(at: index)
                default: bytes.insert([0x0D, 0x0A, 0x20, 0x3A, 0x00].randomElement(using: &random) ?? 0, at: index)
                }
                if bytes.isEmpty { break }
            }
            _ = status(String(decoding: bytes, as: UTF8.self))
        }
    }
}

@Suite struct HTTPChunksTests {
    /// The decoded body; nil if it is incomplete.
    private func decode(_ text: String, piece: Int, limit: Int = 100) throws(HTTPRefusal) -> String? {
        var chunks = HTTPChunks(bodyLimit: limit, overheadLimit: 64, trailerLimit: 2)
        var decoded: [UInt8] = []
        var missing = 0
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            if missing > 0 {
                let taken = rest.prefix(min(missing, piece))
                decoded += taken
                rest = rest.dropFirst(taken.count)
                missing -= taken.count
                continue
            }
            var index = 0
            let step = try Array(rest.prefix(piece)).withUnsafeBufferPointer {
                (bytes) throws(HTTPRefusal) -> HTTPChunks.Step in try chunks.advance(over: bytes, from: &index)
            }
            rest = rest.dropFirst(index)
            switch step {
            case .data(let count): missing = count
            case .end: return rest.isEmpty ? String(decoding: decoded, as: UTF8.self) : "rest"
            case .needsMore: break
            }
        }
        return nil
    }

    @Test(
        arguments: [
            ("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", "abcde"), ("0\r\n\r\n", ""),
            ("000a\r\n0123456789\r\n00\r\n\r\n", "0123456789"),
            ("A\r\n0123456789\r\n0\r\n\r\n", "0123456789"), ("1;a\r\nx\r\n0;b=c\r\n\r\n", "x"),
            ("1 ; a = \"b\\\"; \" ;c\r\nx\r\n0\r\n\r\n", "x"), ("1\r\nx\r\n0\r\nA: b\r\nC: d\r\n\r\n", "x"),
        ], [1, 2, 7, 1000])
    func validBodiesAreDecodedInPiecesOfAnySize(body: (String, String), piece: Int) throws {
        #expect(try decode(body.0, piece: piece) == body.1)
    }

    @Test(
        arguments: [
            "0x1\r\nx\r\n0\r\n\r\n", "+1\r\nx\r\n0\r\n\r\n", " 1\r\nx\r\n0\r\n\r\n", "-1\r\nx\r\n0\r\n\r\n",
            "1 \r\nx\r\n0\r\n\r\n",
            "\r\n0\r\n\r\n", "g\r\n", "1\nx\r\n0\r\n\r\n", "1\r\nx\n0\r\n\r\n", "1\r\nxy\r\n0\r\n\r\n",
            "1\r\nx0\r\n\r\n",
            "1\r\rx\r\n", "1\u{0}\r\nx\r\n", "1;\r\nx\r\n", "1;a=\r\nx\r\n", "1;a\nGET / HTTP/1.1\r\n",
            "1;a=\"b\nc\"\r\nx\r\n",
            "1;=b\r\nx\r\n", "1;a b\r\nx\r\n", "0000000000000001\r\nx\r\n", "0\r\nA : b\r\n\r\n", "0\r\n b\r\n\r\n",
            "0\r\nA: b\n\r\n", "0\r\nA: \u{0}\r\n\r\n", "0\r\nA: b\r\nB: c\r\nC: d\r\n\r\n", "0\r\n\rX",
            "fffffffffffffffff\r\n",
            "1;" + String(repeating: "a", count: 70) + "\r\nx", "0\r\nA: " + String(repeating: "b", count: 70) + "\r\n",
            "1" + String(repeating: " ", count: 70) + ";a\r\nx",
        ], [1, 1000])
    func malformedBodiesAreRefused(body: String, piece: Int) {
        #expect { try decode(body, piece: piece) } throws: { ($0 as? HTTPRefusal)?.status == 400 }
    }

    @Test(arguments: ["65\r\n", "64\r\n" + String(repeating: "x", count: 100) + "\r\n1\r\n", "7fffffffffffffff\r\n"])
    func bodyAboveTheLimitIsRefusedAtItsSizeLine(body: String) {
        #expect { try decode(body, piece: 1000) } throws: { [400, 413].contains(($0 as? HTTPRefusal)?.status) }
    }
}
