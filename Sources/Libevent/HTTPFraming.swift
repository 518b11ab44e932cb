/// The framing rules that evhttp 2.1.12-stable-8+deb12u1 does not enforce and that request smuggling lives on.
///
/// Two things cannot be seen from here, since evhttp has consumed them: a line that ended in a bare LF, and what
/// followed a NUL inside a value. Neither moves a message's end: evhttp's own framing saw the same lines and the same
/// truncated values as these checks. A folded line (RFC 9112 §5.2) arrives joined by a space and so fails them where
/// it matters.
struct HTTPFraming {
    /// Why a request is refused with 400 and its connection closed.
    enum Violation: Equatable {
        case tooManyHeaderFields
        case invalidFieldName
        case controlCharacterInFieldValue
        case repeatedContentLength
        case invalidContentLength
        case unsupportedTransferEncoding
        case contentLengthWithTransferEncoding
        case missingHost
        case repeatedHost

        var explanation: String {
            switch self {
            case .tooManyHeaderFields: "too many header fields"
            case .invalidFieldName: "a header field's name is not a token (RFC 9110 section 5.1)"
            case .controlCharacterInFieldValue: "a header field's value holds a control character"
            case .repeatedContentLength: "Content-Length is given more than once"
            case .invalidContentLength: "Content-Length is not a plain number"
            case .unsupportedTransferEncoding: "Transfer-Encoding is not exactly \"chunked\""
            case .contentLengthWithTransferEncoding: "Content-Length and Transfer-Encoding are both given"
            case .missingHost: "HTTP/1.1 needs a Host field (RFC 9112 section 3.2)"
            case .repeatedHost: "Host is given more than once"
            }
        }
    }

    private var fields = 0
    private var contentLengths = 0
    private var transferEncodings = 0
    private var hosts = 0
    private var violation: Violation?
    let fieldLimit: Int

    init(fieldLimit: Int) {
        self.fieldLimit = fieldLimit
    }

    /// Takes one header field; name and value are without surrounding white space.
    mutating func add(name: some Collection<UInt8>, value: some Collection<UInt8>) {
        fields += 1
        if fields > fieldLimit { note(.tooManyHeaderFields) }
        if name.isEmpty || !name.allSatisfy({ Self.isTokenByte($0) }) { note(.invalidFieldName) }
        // RFC 9110 §5.5: visible characters, spaces, tabs and obs-text only.
        if value.contains(where: { ($0 < 0x20 && $0 != 0x09) || $0 == 0x7F }) { note(.controlCharacterInFieldValue) }
        switch name.count {
        case 4 where name.matches("host"): hosts += 1
        case 14 where name.matches("content-length"):
            contentLengths += 1
            if value.isEmpty || value.count > 18 || !value.allSatisfy({ (0x30...0x39).contains($0) }) {
                note(.invalidContentLength)
            }
        case 17 where name.matches("transfer-encoding"):
            transferEncodings += 1
            if !value.matches("chunked") { note(.unsupportedTransferEncoding) }
        default: break
        }
    }

    /// The verdict over all fields; nil when the message's end is beyond doubt.
    func verdict(requiresHost: Bool) -> Violation? {
        if let violation { return violation }
        if contentLengths > 1 { return .repeatedContentLength }
        if transferEncodings > 1 { return .unsupportedTransferEncoding }
        if contentLengths > 0 && transferEncodings > 0 { return .contentLengthWithTransferEncoding }
        if hosts > 1 { return .repeatedHost }
        if hosts == 0 && requiresHost { return .missingHost }
        return nil
    }

    private mutating func note(_ found: Violation) {
        violation = violation ?? found
    }

    /// RFC 9110 §5.6.2.
    private static func isTokenByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        case UInt8(ascii: "!"), UInt8(ascii: "#"), UInt8(ascii: "$"), UInt8(ascii: "%"), UInt8(ascii: "&"),
            UInt8(ascii: "'"), UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."),
            UInt8(ascii: "^"), UInt8(ascii: "_"), UInt8(ascii: "`"), UInt8(ascii: "|"), UInt8(ascii: "~"):
            true
        default: false
        }
    }
}

extension Collection<UInt8> {
    /// Equal to a lower-case ASCII word, without regard to case.
    fileprivate func matches(_ word: StaticString) -> Bool {
        word.withUTF8Buffer { word in
            count == word.count && zip(self, word).allSatisfy { $0 | (($0 &- 65) < 26 ? 0x20 : 0) == $1 }
        }
    }
}
