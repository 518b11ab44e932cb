/// A request without its body, shared by the connection, the arrival and the exchange.
final class HTTPRequest {
    var framing: HTTPHead
    let head: HTTPRequestHead
    let fields: HTTPFields
    /// The program admitted the request before it could judge its sender.
    var isProvisional = false

    /// Parses a head from its first byte to the end of its empty line.
    init(parsing bytes: UnsafeBufferPointer<UInt8>, fieldLimit: Int) throws(HTTPRefusal) {
        framing = try HTTPHead(parsing: bytes, fieldLimit: fieldLimit)
        let bytes = Array(bytes)
        head = HTTPRequestHead(framing, bytes)
        fields = HTTPFields(bytes: bytes)
    }
}

/// The header fields of one request, read from the client's bytes. The head must have been validated.
struct HTTPFields: Sendable {
    let bytes: [UInt8]

    func first(_ name: String) -> String? {
        var found: String?
        forEach(name) { value in
            found = value
            return false
        }
        return found
    }

    func all(_ name: String) -> [String] {
        var values: [String] = []
        forEach(name) { value in
            values.append(value)
            return true
        }
        return values
    }

    /// Calls `body` with the value of each field with this name until it returns false.
    private func forEach(_ name: String, _ body: (String) -> Bool) {
        bytes.withUnsafeBufferPointer { bytes in
            var name = name
            name.withUTF8 { name in
                // The head is validated: each line ends in a line feed.
                func endOfLine(from index: Int) -> Int {
                    bytes.index(of: .lineFeed, from: index).map { $0 + 1 } ?? bytes.count
                }
                var index = endOfLine(from: 0)
                while index < bytes.count {
                    let end = endOfLine(from: index)
                    defer { index = end }
                    guard end - index > name.count + 2, bytes[index + name.count] == UInt8(ascii: ":"),
                        zip(bytes[index...], name).allSatisfy({ $0.asciiLowercased == $1.asciiLowercased })
                    else { continue }
                    let value = UnsafeBufferPointer(rebasing: bytes[(index + name.count + 1)..<(end - 2)])
                    if !body(String(decoding: value.trimmingBlanks, as: UTF8.self)) { return }
                }
            }
        }
    }
}
