import Foundation
import Testing

@testable import Alerts
@testable import Posting

@Suite struct MailMessageTests {
    private func message(subject: String = "s", text: String = "t", to: [String] = ["ops@example.com"]) throws
        -> MailMessage
    {
        MailMessage(
            from: try #require(MailAddress("relay@example.com")), to: to.compactMap { MailAddress($0) },
            subject: subject, text: text, date: Timestamp(seconds: 1_800_000_000, nanoseconds: 0), id: 0xABC)
    }

    /// Header fields, unfolded, and the decoded body.
    private func parse(_ message: MailMessage) throws -> (fields: [String], body: String) {
        let text = try #require(String(validating: message.bytes, as: UTF8.self))
        #expect(text.utf8.allSatisfy { $0 < 0x80 })
        let parts = text.split(separator: "\r\n\r\n", maxSplits: 1, omittingEmptySubsequences: false)
        let lines = text.split(separator: "\r\n", omittingEmptySubsequences: false)
        #expect(lines.allSatisfy { $0.utf8.count <= 76 && !$0.contains("\n") && !$0.contains("\r") })
        let fields = parts[0].replacing("\r\n ", with: " ").split(separator: "\r\n").map(String.init)
        let body = try #require(Data(base64Encoded: String(parts[1]), options: .ignoreUnknownCharacters))
        return (fields, String(decoding: body, as: UTF8.self))
    }

    private func subject(_ fields: [String]) throws -> String {
        let value = try #require(fields.first { $0.hasPrefix("Subject: ") }).dropFirst("Subject: ".count)
        guard value.hasPrefix("=?") else { return String(value) }
        let words = value.split(separator: " ").map { $0.dropFirst("=?utf-8?B?".count).dropLast(2) }
        return try words.map { word in
            let bytes = try #require(Data(base64Encoded: String(word)))
            return try #require(String(validating: bytes, as: UTF8.self), "a word has whole characters")
        }.joined()
    }

    @Test func fieldsAreComplete() throws {
        let (fields, body) = try parse(message(to: ["a@example.com", "b@example.org"]))
        #expect(
            fields == [
                "Date: Fri, 15 Jan 2027 08:00:00 +0000", "From: Alertmanager relay <relay@example.com>",
                "To: a@example.com, b@example.org", "Subject: s", "Message-ID: <abc.1800000000@example.com>",
                "MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: base64",
                "Auto-Submitted: auto-generated",
            ])
        #expect(body == "t")
    }

    @Test(arguments: [
        "plain", "Plätze voll 🔴", String(repeating: "ü🔥", count: 60), "=?utf-8?B?eA==?=",
        String(repeating: "long ", count: 40),
    ]) func subjectSurvives(text: String) throws {
        #expect(try subject(parse(message(subject: text)).fields) == text.trimmingCharacters(in: .whitespaces))
    }

    @Test(arguments: ["x\r\nBcc: evil@example.net", "x\nTo: evil@example.net", "\u{0}\u{85}\u{1B}[2J", ""])
    func subjectCannotAddAField(text: String) throws {
        let fields = try parse(message(subject: text)).fields
        #expect(fields.count == 9)
        #expect(try !subject(fields).unicodeScalars.contains { $0.properties.generalCategory == .control })
    }

    @Test func longSubjectIsCut() throws {
        let shown = try subject(parse(message(subject: String(repeating: "ä", count: 100_000))).fields)
        #expect(shown == String(repeating: "ä", count: 200))
    }

    @Test(arguments: ["", "\n.\n..\nFrom x\r\n.\r\nQUIT\r\n", String(repeating: "ä", count: 10_000)])
    func textSurvives(text: String) throws {
        #expect(try parse(message(text: text)).body == text.replacing("\n", with: "\r\n"))
    }

    @Test(arguments: [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")])
    func base64(text: String, encoded: String) {
        #expect(String(decoding: Base64.encode(Array(text.utf8)), as: UTF8.self) == encoded)
    }

    @Test(arguments: ["a@b", "relay+x@mail.example.com", "o'neil@example.com", "a@localhost"])
    func addressIsAccepted(text: String) { #expect(MailAddress(text)?.text == text) }

    @Test(arguments: [
        "", "a", "@", "a@", "@b", "a@b@c", "a b@c", "a@b c", "a@b>", "<a@b>", "a@b\r\nRCPT TO:<x@y>", "\"a\"@b",
        "a,b@c",
        "a@b..c", "a@-b", ".a@b", "a.@b", "ä@b", "a@bä", "A <a@b>", String(repeating: "a", count: 65) + "@b",
    ]) func otherTextIsNoAddress(text: String) { #expect(MailAddress(text) == nil) }

    @Test(arguments: [
        ("smtp://mail.example.com", "mail.example.com", false),
        ("SMTPS://Mail.example.com:465/", "mail.example.com", true),
        ("smtp://127.0.0.1:25", "127.0.0.1", false), ("smtps://[::1]:465", "::1", true),
    ]) func serverIsRead(text: String, host: String, isTLS: Bool) throws {
        let url = try MailServerURL(text)
        #expect(url.host == host && url.isTLS == isTLS && url.isLocal == !host.contains("example"))
    }

    @Test(arguments: [
        ("http://h", MailServerURL.Invalid.scheme), ("mail.example.com", .scheme), ("smtp://", .host),
        ("smtp://u:p@h", .login), ("smtp://h/name", .path), ("smtp://h:0x", .port), ("smtp://h:70000", .port),
        ("smtp://${HOST}", .placeholder), ("smtp://h\r\nx", .host), ("smtp://h?x", .path),
    ]) func otherServerIsRefused(text: String, problem: MailServerURL.Invalid) {
        #expect(throws: problem) { try MailServerURL(text) }
    }
}
