import Support

/// An untrusted URL that is safe in `title_link` and in `[label](url)`: absolute, http or https, and with all characters
/// percent-encoded that would end a link or start markup (docs/rocketchat.md sections 3.2 and 3.7).
struct SafeURL: Sendable, Equatable {
    /// The URL for `title_link` and buttons.
    let string: String
    private let hasLiteralHost: Bool

    /// Nil if the text is not an absolute http or https URL with a host, has a user name, or is longer than `limit`. The
    /// scheme becomes lower-case: servers refuse others.
    init?(_ raw: String, limit: Int) {
        let trimmed = raw.trimmed
        let start = trimmed.prefix(8).lowercased()
        guard let scheme = ["https://", "http://"].first(where: start.hasPrefix), trimmed.utf8.count <= limit else {
            return nil
        }
        let rest = Array(trimmed.utf8.dropFirst(scheme.utf8.count))
        let hostEnd = rest.firstIndex { "/?#".utf8.contains($0) } ?? rest.count
        let host = rest[..<hostEnd]
        hasLiteralHost = Self.isLiteralAddress(host)
        guard hasLiteralHost || Self.isHost(host), rest.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else { return nil }
        let name =
            hasLiteralHost ? String(decoding: host, as: UTF8.self) : Self.encoded(Array(host), keeping: Self.kept)
        string = scheme + name + Self.encoded(Array(rest[hostEnd...]), keeping: Self.kept)
        guard string.utf8.count <= limit else { return nil }
    }

    /// A URL in an annotation. Nil also if the text has a space, because then it is prose.
    init?(annotation raw: String, limit: Int) {
        guard !raw.trimmed.contains(where: \.isWhitespace) else { return nil }
        self.init(raw, limit: limit)
    }

    /// Whether clients link it in text. No parser accepts the brackets of an IPv6 address.
    var isLinkable: Bool { !hasLiteralHost }

    /// `[label](url)`; nil if clients do not link it.
    func label(_ label: String) -> String? {
        isLinkable ? "[\(label)](\(linkable))" : nil
    }

    /// The URL as plain text, which clients link; nil if they would not link all of it.
    var bare: String? {
        let scalars = Array(linkable.unicodeScalars)
        let word = Word(scalars[...], in: .attachment, startsLine: false, endsLine: false)
        return isLinkable && linkable == string && scalars[...].isPlainURL && !word.isLive ? string : nil
    }

    /// The URL with an end that mobile clients accept.
    private var linkable: String {
        switch string.last {
        case ".": string.dropLast() + "%2E"
        case ",": string.dropLast() + "%2C"
        case ";": string.dropLast() + "%3B"
        case ":": string.dropLast() + "%3A"
        case "=": string + "&"
        default: string
        }
    }

    /// Encodes all but letters, digits, `-`, `.` and `_`: for a value in a query.
    static func encodedComponent(_ bytes: [UInt8]) -> String {
        encoded(bytes, keeping: [])
    }

    private static let kept = Array(":/?#&=%+,;".utf8)

    /// Whether the bytes are an IPv6 address in brackets with an optional port.
    private static func isLiteralAddress(_ bytes: ArraySlice<UInt8>) -> Bool {
        guard bytes.first == UInt8(ascii: "["), let end = bytes.firstIndex(of: UInt8(ascii: "]")) else { return false }
        let address = String(decoding: bytes[(bytes.startIndex + 1)..<end], as: UTF8.self)
        let port = bytes[(end + 1)...]
        let isPort = port.first == UInt8(ascii: ":") && port.dropFirst().allSatisfy { $0 >= 0x30 && $0 <= 0x39 }
        return (port.isEmpty || isPort) && address.contains(":") && IPAddress(address) != nil
    }

    /// Whether the bytes are a host with an optional port. Browsers convert letters outside ASCII to punycode.
    private static func isHost(_ bytes: ArraySlice<UInt8>) -> Bool {
        guard let first = bytes.first, first != UInt8(ascii: ":") else { return false }
        return bytes.allSatisfy { isPlain($0) || $0 == UInt8(ascii: ":") || $0 >= 0x80 }
    }

    private static func encoded(_ bytes: [UInt8], keeping kept: [UInt8]) -> String {
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

    /// Whether two hex digits follow a percent sign, so that it is already an encoding.
    private static func isEscape(_ rest: ArraySlice<UInt8>) -> Bool {
        rest.count >= 2 && rest.prefix(2).allSatisfy { Unicode.Scalar($0).properties.isASCIIHexDigit }
    }
}
