package import Alerts
import Support

/// An address of mail: `local@domain` in ASCII, without quotes, comments or a display name.
package struct MailAddress: Sendable, Equatable {
    package let text: String

    /// Returns nil if the text is not an address. What is accepted needs no quoting in a header or an SMTP command.
    package init?(_ text: String) {
        let parts = text.split(separator: "@", omittingEmptySubsequences: false)
        guard parts.count == 2, text.utf8.count <= 254, (1...64).contains(parts[0].utf8.count) else { return nil }
        let isLocal = parts[0].split(separator: ".", omittingEmptySubsequences: false).allSatisfy { atom in
            !atom.isEmpty && atom.utf8.allSatisfy(Self.isAtomByte)
        }
        let isDomain = parts[1].split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
            !label.isEmpty && !label.hasPrefix("-") && !label.hasSuffix("-")
                && label.utf8.allSatisfy { Self.isWordByte($0) || $0 == UInt8(ascii: "-") }
        }
        guard isLocal, isDomain else { return nil }
        self.text = text
    }

    package var domain: String { String(text.split(separator: "@").last ?? "") }

    private static func isWordByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: false
        }
    }

    /// RFC 5322 section 3.2.3.
    private static func isAtomByte(_ byte: UInt8) -> Bool {
        isWordByte(byte) || "!#$%&'*+-/=?^_`{|}~".utf8.contains(byte)
    }
}

/// A mail of plain text (RFC 5322, RFC 2045), ready for SMTP: lines end with CRLF and have at most 76 characters.
///
/// The subject and the text can be anything: the subject is encoded if it is not plain ASCII, the text always. So
/// neither can add a header or end the message.
package struct MailMessage: Sendable {
    package var from: MailAddress
    package var to: [MailAddress]
    package var subject: String
    package var text: String
    package var date: Timestamp
    /// Makes the Message-ID unique.
    package var id: UInt64

    private static let senderName = "Alertmanager relay"
    /// The most bytes of a subject. Clients show less.
    private static let subjectLimit = 400

    package init(
        from: MailAddress, to: [MailAddress], subject: String, text: String, date: Timestamp,
        id: UInt64 = .random(in: .min ... .max)
    ) {
        (self.from, self.to, self.subject, self.text, self.date, self.id) = (from, to, subject, text, date, id)
    }

    package var bytes: [UInt8] {
        let fields = [
            "Date: \(date.mailDate)", "From: \(Self.senderName) <\(from.text)>",
            "To: " + to.map(\.text).joined(separator: ",\r\n "), "Subject: \(encodedSubject)",
            "Message-ID: <\(String(id, radix: 16)).\(date.seconds)@\(from.domain)>", "MIME-Version: 1.0",
            "Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: base64",
            // Replies of absent people would reach the sender address (RFC 3834).
            "Auto-Submitted: auto-generated", "", "",
        ]
        let crlf = text.split(separator: "\n", omittingEmptySubsequences: false).joined(separator: "\r\n")
        return Array(fields.joined(separator: "\r\n").utf8) + Base64.lines(Array(crlf.utf8))
    }

    private var encodedSubject: String {
        let words = subject.unicodeScalars.map { $0.properties.generalCategory == .control ? " " : Character($0) }
        var line = String(words).trimmed
        while line.utf8.count > Self.subjectLimit { line.removeLast() }
        let isPlain = line.utf8.allSatisfy { (0x20...0x7E).contains($0) } && !line.contains("=?")
        if isPlain, line.utf8.count <= 65 { return line }
        // A line with an encoded word has at most 76 characters, and a word has whole characters only (RFC 2047 section 2).
        var chunks: [[UInt8]] = [[]]
        for scalar in line.unicodeScalars {
            let bytes = Array(String(scalar).utf8)
            if chunks[chunks.count - 1].count + bytes.count > 39 { chunks.append([]) }
            chunks[chunks.count - 1] += bytes
        }
        return chunks.map { "=?utf-8?B?\(String(decoding: Base64.encode($0), as: UTF8.self))?=" }
            .joined(separator: "\r\n ")
    }
}

/// RFC 4648 section 4.
enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    static func encode(_ bytes: some Collection<UInt8>) -> [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity((bytes.count + 2) / 3 * 4)
        var iterator = bytes.makeIterator()
        while let first = iterator.next() {
            let (second, third) = (iterator.next(), iterator.next())
            let word = UInt32(first) << 16 | UInt32(second ?? 0) << 8 | UInt32(third ?? 0)
            let digits = [18, 12, 6, 0].map { alphabet[Int(word >> UInt32($0) & 63)] }
            output += digits[..<2]
            output.append(second == nil ? UInt8(ascii: "=") : digits[2])
            output.append(third == nil ? UInt8(ascii: "=") : digits[3])
        }
        return output
    }

    /// In lines of 76 characters, each with CRLF.
    static func lines(_ bytes: [UInt8]) -> [UInt8] {
        var output: [UInt8] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            output += encode(rest.prefix(57)) + [0x0D, 0x0A]
            rest = rest.dropFirst(57)
        }
        return output
    }
}

extension Timestamp {
    /// RFC 5322 section 3.3, in UTC.
    fileprivate var mailDate: String {
        let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        let (date, second) = (date, secondOfDay)
        let day = (Int(seconds) - second) / 86_400 % 7
        let time = [second / 3600, second / 60 % 60, second % 60].map { ($0 < 10 ? "0" : "") + String($0) }
        return "\(days[(day + 7) % 7]), \(date.day) \(months[date.month - 1]) \(date.year) "
            + "\(time.joined(separator: ":")) +0000"
    }
}
