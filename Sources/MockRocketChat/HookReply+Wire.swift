extension HookReply {
    /// The reply as bytes on the wire, its body chunked or of a stated length.
    func wire(version: String, headers extra: [Header] = [], isChunked: Bool = false) -> [UInt8] {
        var head = "HTTP/\(version) \(status) \(status == 200 ? "OK" : "Status")\r\n"
        for header in headers + extra { head += "\(header.name): \(header.value)\r\n" }
        guard isChunked else { return Array("\(head)Content-Length: \(body.count)\r\n\r\n".utf8) + body }
        let half = body.count / 2
        var output = Array("\(head)Transfer-Encoding: chunked\r\n\r\n".utf8)
        for part in [body[..<half], body[half...]] where !part.isEmpty {
            output += "\(String(part.count, radix: 16))\r\n".utf8
            output += part
            output += "\r\n".utf8
        }
        return output + "0\r\n\r\n".utf8
    }
}
