import Foundation
import TestSupport
import Testing

/// One kind of abuse: the relay's settings, and the attackers' connections, addresses and scripts.
struct Attack: Sendable, CustomTestStringConvertible {
    var name: String
    var connections: Int
    /// The number of source addresses, used in rotation.
    var addresses: UInt32 = 100
    /// The connections' scripts, used in rotation.
    var scripts: [SocketCrowd.Script]
    var settings: [String: String] = [:]
    /// The headers of honest senders.
    var honestHeaders: [String] = []
    var usesTLS = false
    /// Whether honest webhooks may be answered with 503, after which Alertmanager retries. Attackers without
    /// credentials exhaust the same memory budget if honest senders have none either.
    var delaysHonestSenders = false

    var testDescription: String { name }

    static let all = heads + bodies + bombs + sockets + credentials

    // MARK: Heads

    private static let heads: [Attack] = [
        Attack(
            name: "slow headers", connections: 1000,
            scripts: [
                script("GET /health HTTP/1.1\r\nHost: t\r\n", repeating: "X: y\r\n", piece: 1, .milliseconds(300))
            ]),
        Attack(
            name: "header lines without end", connections: 100,
            scripts: [script("GET /health HTTP/1.1\r\nHost: t\r\n", repeating: many("X-Header: value\r\n"))]),
        Attack(
            name: "one header line without end", connections: 100,
            scripts: [script("GET /health HTTP/1.1\r\nHost: t\r\nX: ", repeating: many("value "))]),
        Attack(
            name: "a header line in single bytes", connections: 100,
            scripts: [script("GET /health HTTP/1.1\r\nHost: t\r\nX: ", repeating: "value ", piece: 1, .zero)]),
        Attack(
            name: "pipelining without reading", connections: 50,
            scripts: ["/health", "/metrics"].map {
                script("", repeating: many("GET \($0) HTTP/1.1\r\nHost: t\r\n\r\n"), reads: false)
            }),
        Attack(
            name: "all framings", connections: Framing.all.count * 2,
            scripts: ["POST", "HEAD"].flatMap { method in
                Framing.all.map { framing in
                    var script = SocketCrowd.Script(framing.bytes(method: method))
                    script.ending = .halfClose
                    script.reconnects = true
                    return script
                }
            }),
    ]

    // MARK: Bodies

    private static let chunkedPost = "POST /webhook HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n"

    private static let bodies: [Attack] = [
        Attack(
            name: "slow bodies", connections: 1000,
            scripts: [
                script(
                    "POST /webhook HTTP/1.1\r\nHost: t\r\nContent-Length: 1000000\r\n\r\n", repeating: "[", piece: 1,
                    .milliseconds(300))
            ]),
        Attack(
            name: "chunks without end", connections: 100,
            scripts: [script(chunkedPost, repeating: "8000\r\n" + String(repeating: "0", count: 0x8000) + "\r\n")]),
        Attack(
            name: "chunks of one byte", connections: 100,
            scripts: [script(chunkedPost, repeating: many("1\r\n \r\n"))]),
        Attack(
            name: "chunk sizes, extensions and trailers without end", connections: 150,
            scripts: [
                script(chunkedPost, repeating: many("0")), script(chunkedPost + "1;a=", repeating: many("b")),
                script(chunkedPost + "1", repeating: many("; a=b")),
                script(chunkedPost + "0\r\n", repeating: many("Trailer: t\r\n")),
                script(chunkedPost + "0\r\nTrailer: ", repeating: many("t")),
            ]),
        Attack(
            name: "bodies that use up the memory", connections: 60,
            scripts: [
                script(
                    "POST /webhook HTTP/1.1\r\nHost: t\r\nContent-Length: 16777216\r\n\r\n"
                        + String(repeating: " ", count: 16_700_000), repeating: "")
            ], delaysHonestSenders: true),
    ]

    // MARK: Bombs

    private static let bombs: [Attack] = [
        Attack(
            name: "JSON of 16 MiB", connections: 4, scripts: [post(bomb, coding: nil)]),
        Attack(
            name: "packed JSON of 16 MiB", connections: 8,
            scripts: [post(Packed.gzip(bomb), coding: "gzip"), post(Packed.gzip(nested), coding: "gzip")]),
        Attack(
            name: "packed beyond the limit", connections: 16,
            scripts: [post(Packed.gzip([UInt8](repeating: 0x20, count: 200 << 20)), coding: "gzip")]),
    ]

    /// A webhook whose one label is an array of 8 million numbers.
    private static let bomb: [UInt8] = {
        let start = Array(#"{"version":"4","groupKey":"k","alerts":[{"labels":{"a":["#.utf8)
        let end = Array(#"0]}}]}"#.utf8)
        let count = ((16 << 20) - start.count - end.count) / 2
        return start + [UInt8](repeating: 0, count: count * 2).indices.map { $0 % 2 == 0 ? 0x30 : 0x2C } + end
    }()

    private static let nested = [UInt8](repeating: UInt8(ascii: "["), count: 16 << 20)

    // MARK: Sockets

    private static let sockets: [Attack] = [
        Attack(name: "silent connections", connections: 5000, addresses: 1000, scripts: [again(SocketCrowd.Script())]),
        Attack(
            name: "silent connections of one address", connections: 2000, addresses: 1,
            scripts: [again(SocketCrowd.Script())]),
        Attack(
            name: "half-closed sockets", connections: 500,
            scripts: [
                ended("", .halfClose), ended("GET /hea", .halfClose),
                ended("GET /health HTTP/1.1\r\nHost: t\r\n\r\n", .halfClose),
                ended("POST /webhook HTTP/1.1\r\nHost: t\r\nContent-Length: 9\r\n\r\n[", .halfClose),
            ]),
        Attack(
            name: "resets", connections: 200,
            scripts: [
                ended("", .reset), ended("GET /hea", .reset), ended("GET /metrics HTTP/1.1\r\nHost: t\r\n\r\n", .reset),
                ended("POST /webhook HTTP/1.1\r\nHost: t\r\nContent-Length: 9\r\n\r\n[", .reset),
                ended("POST /webhook HTTP/1.1\r\nHost: t\r\nContent-Length: 2\r\n\r\n{}", .reset),
                ended("GET / HTTP/1.0\n\n", .reset),
            ]),
        Attack(
            name: "TLS handshakes", connections: 100,
            scripts: [
                hello(.stay), hello(.reset), again(SocketCrowd.Script([0x16, 0x03])), ended("GET /", .halfClose),
            ],
            usesTLS: true),
        Attack(
            name: "TLS messages of 128 KiB, announced only", connections: 4000, addresses: 1000,
            scripts: [again(SocketCrowd.Script(ClientHello.announcement))], usesTLS: true),
    ]

    private static func hello(_ ending: SocketCrowd.Script.Ending) -> SocketCrowd.Script {
        var script = SocketCrowd.Script(ClientHello.bytes)
        script.ending = ending
        // With `.stay`, the server waits for the rest of the handshake.
        script.reconnects = true
        return script
    }

    // MARK: Credentials

    private static let token = "Authorization: Bearer s3cret-t0ken"

    private static let credentials: [Attack] = [
        Attack(
            name: "wrong tokens and passwords", connections: 100,
            scripts: (0..<10).map { number in
                let wrong = Data("user:wrong\(number)".utf8).base64EncodedString()
                let fields = number % 2 == 0 ? "Basic \(wrong)" : "Bearer wrong\(number)"
                return again(
                    SocketCrowd.Script(
                        "POST /webhook HTTP/1.1\r\nHost: t\r\nAuthorization: \(fields)\r\nContent-Length: 2\r\n\r\n{}"))
            },
            settings: [
                "RELAY_AUTH_TOKEN": "s3cret-t0ken",
                // bcrypt of "right", cost 10.
                "RELAY_BASIC_AUTH": "user:$2b$10$Ptnd25DF/CyXCqmQRjvpfu3SF.t3y66mFXI.NQRQxEb5iqzOzJr8u",
            ], honestHeaders: [token]),
        Attack(
            name: "bodies without credentials", connections: 200,
            scripts: [
                {
                    var script = again(
                        SocketCrowd.Script("POST /webhook HTTP/1.1\r\nHost: t\r\nContent-Length: 16000000\r\n\r\n"))
                    script.repeated = [UInt8](repeating: 0x20, count: 65536)
                    return script
                }()
            ], settings: ["RELAY_AUTH_TOKEN": "s3cret-t0ken"], honestHeaders: [token]),
    ]

    // MARK: Scripts

    private static func script(
        _ opening: String, repeating repeated: String, piece: Int = .max, _ pause: Duration = .zero, reads: Bool = true
    ) -> SocketCrowd.Script {
        var script = SocketCrowd.Script(opening)
        script.repeated = Array(repeated.utf8)
        (script.pieceSize, script.pause, script.reads) = (piece, pause, reads)
        script.reconnects = true
        return script
    }

    private static func again(_ script: SocketCrowd.Script) -> SocketCrowd.Script {
        var script = script
        script.reconnects = true
        return script
    }

    private static func ended(_ text: String, _ ending: SocketCrowd.Script.Ending) -> SocketCrowd.Script {
        var script = again(SocketCrowd.Script(text))
        script.ending = ending
        return script
    }

    private static func post(_ body: [UInt8], coding: String?) -> SocketCrowd.Script {
        let field = coding.map { "Content-Encoding: \($0)\r\n" } ?? ""
        let head =
            "POST /webhook HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\(field)Content-Length: \(body.count)\r\n\r\n"
        return again(SocketCrowd.Script(Array(head.utf8) + body))
    }

    /// The text repeated to the size of one write.
    private static func many(_ text: String) -> String {
        String(repeating: text, count: max(1, 65536 / text.utf8.count))
    }
}
