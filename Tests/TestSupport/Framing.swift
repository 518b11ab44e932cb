/// A framing of a request whose body is or contains a second request, which a differing parser would execute.
public struct Framing: Sendable {
    /// The second request. The relay serves it and tests send no other of its kind, so that its count shows smuggling.
    public static let marker = "GET /-/healthy HTTP/1.1\r\nHost: t\r\n\r\n"

    public var name: String
    /// The header lines after Host, each with its line end.
    var fields: String
    /// The bytes after the header.
    var body: String
    /// Whether, by RFC 9112, the bytes after the header contain a second request.
    public var isPipelined = false
    /// `%` is replaced by the method.
    var requestLine = "% /webhook HTTP/1.1\r\n"
    var host = "Host: t\r\n"

    public func bytes(method: String) -> [UInt8] {
        Array((requestLine.replacing("%", with: method) + host + fields + "\r\n" + body).utf8)
    }

    public static let all = lengths + codings + chunks + lines

    private static let size = marker.utf8.count
    private static let hex = String(size, radix: 16)
    private static let chunked = "\(hex)\r\n\(marker)\r\n0\r\n\r\n"
    private static let emptyChunked = "0\r\n\r\n" + marker

    private static func length(_ name: String, _ fields: String) -> Framing {
        Framing(name: name, fields: fields + "\r\n", body: marker)
    }

    private static let lengths: [Framing] = [
        Framing(name: "no length", fields: "", body: marker, isPipelined: true),
        Framing(name: "length 0", fields: "Content-Length: 0\r\n", body: marker, isPipelined: true),
        length("length", "Content-Length: \(size)"),
        Framing(name: "length and more", fields: "Content-Length: 5\r\n", body: "aaaaa" + marker, isPipelined: true),
        // The remaining bytes are a malformed second request.
        Framing(
            name: "short length", fields: "Content-Length: \(size - 4)\r\n", body: marker, isPipelined: true),
        length("long length", "Content-Length: \(size + 50)"),
        length("length twice", "Content-Length: \(size)\r\nContent-Length: \(size)"),
        length("two lengths, 0 first", "Content-Length: 0\r\nContent-Length: \(size)"),
        length("two lengths, 0 last", "Content-Length: \(size)\r\nContent-Length: 0"),
        length("list of lengths", "Content-Length: \(size), \(size)"),
        length("list of unlike lengths", "Content-Length: 0, \(size)"),
        length("plus", "Content-Length: +\(size)"), length("minus", "Content-Length: -\(size)"),
        length("hexadecimal", "Content-Length: 0x\(hex)"), length("exponent", "Content-Length: 1e1"),
        length("fraction", "Content-Length: 0.\(size)"), length("empty", "Content-Length:"),
        length("semicolon", "Content-Length: \(size);"), length("blank within", "Content-Length: 0 \(size)"),
        length("overflow", "Content-Length: 18446744073709551616"),
        length("overflow to the size", "Content-Length: \(UInt64.max - UInt64(size))"),
        length("other digits", "Content-Length: \u{0664}\u{0662}"),
        length("NUL behind", "Content-Length: \(size)\u{0}"), length("NUL within", "Content-Length: 0\u{0}\(size)"),
        length("vertical tab", "Content-Length:\u{b}\(size)"), length("blank before colon", "Content-Length : \(size)"),
        length("NUL in the name", "Content-Length\u{0}: \(size)"), length("folded", "Content-Length:\r\n \(size)"),
        length("folded to the host", " Content-Length: \(size)"), length("bare LF", "Content-Length: \(size)\nX: y"),
        length("bare CR", "X: y\rContent-Length: \(size)"), length("no colon", "Content-Length \(size)"),
        length("hop by hop", "Connection: Content-Length\r\nContent-Length: \(size)"),
    ]

    private static func coding(_ name: String, _ fields: String) -> [Framing] {
        [
            Framing(name: name, fields: fields + "\r\n", body: chunked),
            Framing(name: name + ", empty", fields: fields + "\r\n", body: emptyChunked),
        ]
    }

    private static let codings: [Framing] =
        [
            Framing(name: "chunked", fields: "Transfer-Encoding: chunked\r\n", body: chunked),
            Framing(
                name: "chunked and more", fields: "Transfer-Encoding: chunked\r\n", body: emptyChunked,
                isPipelined: true),
            Framing(
                name: "Chunked and more", fields: "transfer-encoding: Chunked\r\n", body: emptyChunked,
                isPipelined: true
            ),
        ]
        + coding("with length", "Content-Length: \(size)\r\nTransfer-Encoding: chunked")
        + coding("with length behind", "Transfer-Encoding: chunked\r\nContent-Length: 5")
        + coding("with length 0", "Transfer-Encoding: chunked\r\nContent-Length: 0")
        + coding("identity", "Transfer-Encoding: identity") + coding("gzip", "Transfer-Encoding: gzip")
        + coding("gzip, chunked", "Transfer-Encoding: gzip, chunked")
        + coding("chunked, identity", "Transfer-Encoding: chunked, identity")
        + coding("chunked twice", "Transfer-Encoding: chunked, chunked")
        + coding("two fields", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked")
        + coding("unlike fields", "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked")
        + coding("xchunked", "Transfer-Encoding: xchunked") + coding("parameter", "Transfer-Encoding: chunked;q=1")
        + coding("quoted", "Transfer-Encoding: \"chunked\"") + coding("empty", "Transfer-Encoding:")
        + coding("comma", "Transfer-Encoding: ,chunked") + coding("NUL behind", "Transfer-Encoding: chunked\u{0}")
        + coding("NUL in front", "Transfer-Encoding: \u{0}chunked")
        + coding("vertical tab", "Transfer-Encoding:\u{b}chunked")
        + coding("form feed", "Transfer-Encoding: chunked\u{c}")
        + coding("blank before colon", "Transfer-Encoding : chunked")
        + coding("folded", "Transfer-Encoding:\r\n chunked")
        + coding("folded to the host", " Transfer-Encoding: chunked")
        + coding("bare LF", "X: y\nTransfer-Encoding: chunked") + coding("bare CR", "X: y\rTransfer-Encoding: chunked")
        + coding("bare CR behind", "Transfer-Encoding: chunked\rX: y")
        + [
            Framing(
                name: "coding hop by hop", fields: "Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n",
                body: emptyChunked, isPipelined: true)
        ]
        + coding("NUL in the name", "Transfer-Encoding\u{0}: chunked")
        + coding("expecting", "Expect: 100-continue\r\nTransfer-Encoding: chunked, gzip")

    private static func chunk(_ name: String, _ body: String) -> Framing {
        Framing(name: "chunk: " + name, fields: "Transfer-Encoding: chunked\r\n", body: body)
    }

    /// A lenient parser would find an early or late end of each of these.
    private static let chunks: [Framing] =
        [
            ("0x", "0x\(hex)\r\n\(marker)\r\n0\r\n\r\n"), ("0x0", "0x0\r\n\r\n\(marker)"),
            ("plus", "+0\r\n\r\n\(marker)"), ("minus", "-0\r\n\r\n\(marker)"),
            ("blank in front", " 0\r\n\r\n\(marker)"),
            ("tab in front", "\t0\r\n\r\n\(marker)"), ("underscore", "0_0\r\n\r\n\(marker)"),
            ("NUL behind", "0\u{0}\r\n\r\n\(marker)"), ("NUL within", "0\u{0}\(hex)\r\n\(marker)\r\n0\r\n\r\n"),
            ("no size", "\r\n\r\n\(marker)"), ("no digits", "x\r\n\r\n\(marker)"), ("comma", "0,0\r\n\r\n\(marker)"),
            ("bare LF", "\(hex)\n\(marker)\n0\n\n"), ("bare LF at the end", "0\n\n\(marker)"),
            ("bare LF of the trailers", "0\r\n\n\(marker)"), ("bare CR", "0\r\r\n\(marker)"),
            ("overflow to 0", "10000000000000000\r\n\r\n\(marker)"), ("too large", "ffffffffffffffff\r\n\(marker)"),
            ("negative by overflow", "8000000000000000\r\n\r\n\(marker)"),
            ("data longer than said", "1\r\naa\r\n0\r\n\r\n\(marker)"),
            ("data without CRLF", "1\r\na0\r\n\r\n\(marker)"), ("data ends in LF", "1\r\na\n0\r\n\r\n\(marker)"),
            ("data ends in CR", "1\r\na\r0\r\n\r\n\(marker)"), ("extension with LF", "0;a\n\r\n\(marker)"),
            ("extension with CR", "0;a\rb\r\n\r\n\(marker)"), ("extension with NUL", "0;\u{0}\r\n\r\n\(marker)"),
            ("quoted CRLF", "0;a=\"\r\n\r\n\(marker)\"\r\n\r\n"), ("extension of nothing", "0;\r\n\r\n\(marker)"),
            ("trailer without colon", "0\r\nTrailer\r\n\r\n\(marker)"), ("trailer with LF", "0\r\nT: u\n\r\n\(marker)"),
            ("folded trailer", "0\r\nT: u\r\n v\r\n\r\n\(marker)"),
            ("no end of trailers", "0\r\n\(marker)"),
        ].map(chunk)
        + [
            ("extension", "0;a=b;c=\"d;\\\"\" ; e\r\n\r\n\(marker)"), ("many zeros", "00000\r\n\r\n\(marker)"),
            ("trailers", "0\r\nContent-Length: 50\r\nTransfer-Encoding: x\r\n\r\n\(marker)"),
        ].map {
            var framing = chunk($0, $1)
            framing.isPipelined = true
            return framing
        }

    private static func line(_ name: String, _ line: String, _ host: String = "Host: t\r\n") -> Framing {
        Framing(
            name: "line: " + name, fields: "Content-Length: \(size)\r\n", body: marker, requestLine: line, host: host)
    }

    private static let lines: [Framing] = [
        line("absolute", "% http://t/webhook HTTP/1.1\r\n"),
        line("absolute to another", "% http://u/webhook HTTP/1.1\r\n"),
        line("two blanks", "%  /webhook HTTP/1.1\r\n"), line("tab", "%\t/webhook HTTP/1.1\r\n"),
        line("blank at the end", "% /webhook HTTP/1.1 \r\n"), line("two versions", "% /webhook HTTP/1.1 HTTP/1.1\r\n"),
        line("HTTP/1.2", "% /webhook HTTP/1.2\r\n"), line("HTTP/0.9", "% /webhook HTTP/0.9\r\n"),
        line("HTTP/2.0", "% /webhook HTTP/2.0\r\n"), line("HTTP/01.1", "% /webhook HTTP/01.1\r\n"),
        line("lower case", "% /webhook http/1.1\r\n"), line("no version", "% /webhook\r\n"),
        line("fragment", "% /webhook#a HTTP/1.1\r\n"), line("NUL", "% /webhook\u{0} HTTP/1.1\r\n"),
        line("bare LF", "% /webhook HTTP/1.1\n"), line("bare CR", "% /webhook\r HTTP/1.1\r\n"),
        line("empty lines", "\r\n\r\n% /webhook HTTP/1.1\r\n"), line("asterisk", "% * HTTP/1.1\r\n"),
        line("authority", "% t:80 HTTP/1.1\r\n"), line("HTTP/1.0", "% /webhook HTTP/1.0\r\nConnection: keep-alive\r\n"),
        line("no host", "% /webhook HTTP/1.1\r\n", ""),
        line("two hosts", "% /webhook HTTP/1.1\r\n", "Host: t\r\nHost: u\r\n"),
        line("host with a path", "% /webhook HTTP/1.1\r\n", "Host: t/webhook\r\n"),
        line("host with NUL", "% /webhook HTTP/1.1\r\n", "Host: t\u{0}u\r\n"),
        line("expecting", "% /webhook HTTP/1.1\r\nExpect: 100-continue\r\n"),
        line("expecting else", "% /webhook HTTP/1.1\r\nExpect: 200-ok\r\n"),
        line(
            "upgrade",
            "% /webhook HTTP/1.1\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n"
        ),
        Framing(
            name: "HTTP/1.0 chunked", fields: "Transfer-Encoding: chunked\r\n", body: emptyChunked,
            requestLine: "% /webhook HTTP/1.0\r\nConnection: keep-alive\r\n"),
    ]
}
