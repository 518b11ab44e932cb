/// A URL from outside that is safe in `title_link` and in a `[label](url)`: absolute, http or https, and with
/// everything percent-encoded that would end a link or start markup (`contracts/rocketchat.md` sections 3.2 and 3.7).
struct SafeURL: Sendable, Equatable {
    let string: String

    /// Nil when it is not an absolute lower-case http or https URL with a host, hides the host behind a user name, or
    /// becomes longer than `limit`.
    init?(_ raw: String, limit: Int) {
        let trimmed = raw.trimmed
        guard let scheme = ["https://", "http://"].first(where: trimmed.hasPrefix), trimmed.utf8.count <= limit else {
            return nil
        }
        let rest = Array(trimmed.utf8.dropFirst(scheme.utf8.count))
        let hostEnd = rest.firstIndex { "/?#".utf8.contains($0) } ?? rest.count
        guard Self.isHost(rest[..<hostEnd]), rest.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else { return nil }
        string = scheme + Self.encoded(rest, keeping: Self.kept)
        guard string.utf8.count <= limit else { return nil }
    }

    /// Encodes all but letters, digits, `-`, `.` and `_`: fit for a value inside a query.
    static func encodedComponent(_ bytes: [UInt8]) -> String {
        encoded(bytes, keeping: [])
    }

    private static let kept = Set(":/?#&=%+,;".utf8)

    /// A host and perhaps a port. Letters beyond ASCII pass, since browsers turn them into punycode.
    private static func isHost(_ bytes: ArraySlice<UInt8>) -> Bool {
        guard let first = bytes.first, first != UInt8(ascii: ":") else { return false }
        return bytes.allSatisfy { isPlain($0) || $0 == UInt8(ascii: ":") || $0 >= 0x80 }
    }

    private static func encoded(_ bytes: [UInt8], keeping kept: Set<UInt8>) -> String {
        var output: [UInt8] = []
        for (index, byte) in bytes.enumerated() {
            let isStray = byte == UInt8(ascii: "%") && !isEscape(bytes[(index + 1)...])
            if isPlain(byte) || kept.contains(byte) && !isStray {
                output.append(byte)
            } else {
                output.append(contentsOf: [UInt8(ascii: "%"), hex[Int(byte >> 4)], hex[Int(byte & 15)]])
            }
        }
        return String(decoding: output, as: UTF8.self)
    }

    private static let hex = Array("0123456789ABCDEF".utf8)

    private static func isPlain(_ byte: UInt8) -> Bool {
        Unicode.Scalar(byte).isLetterOrDigit || "-._".utf8.contains(byte)
    }

    /// Whether two hex digits follow, so that the percent sign before them is an encoding already.
    private static func isEscape(_ rest: ArraySlice<UInt8>) -> Bool {
        rest.count >= 2 && rest.prefix(2).allSatisfy { Unicode.Scalar($0).properties.isASCIIHexDigit }
    }
}
