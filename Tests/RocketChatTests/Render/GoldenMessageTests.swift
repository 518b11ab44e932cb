import Foundation
import TestSupport
import Testing

@testable import Alerts
@testable import Posting
@testable import RocketChat

/// The messages for all captured bodies, word for word. After a wanted change, `WRITE_GOLDEN=1` writes the file anew:
/// read its difference before it is committed.
@Suite struct GoldenMessageTests {
    private static let golden = Checkout.fixtures.appending(path: "messages.txt")
    private static let now = Timestamp(seconds: 1_795_456_800, nanoseconds: 0)

    @Test func messagesForCapturedBodiesAreUnchanged() throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: Checkout.fixtures.path).sorted()
            .filter {
                $0.wholeMatch(
                    of: /\d\d-.*\.am\d+\.json|ipv6-links\.json|upper-case-scheme\.json|grafana-.*\.json|time-.*\.json/)
                    != nil
            }
        #expect(names.count >= 15)
        let text = names.map(Self.messages(for:)).joined()
        if ProcessInfo.processInfo.environment["WRITE_GOLDEN"] != nil {
            try text.write(to: Self.golden, atomically: true, encoding: .utf8)
        }
        let expected = try String(contentsOf: Self.golden, encoding: .utf8)
        let lines = zip(text.split(separator: "\n"), expected.split(separator: "\n"))
        let difference = lines.first { $0 != $1 }
        #expect(text == expected, "\(difference.map { "\($0) instead of \($1)" } ?? "lines are missing or too many")")
    }

    private static func messages(for name: String) -> String {
        var text = "=== \(name)\n"
        do {
            let body = try [UInt8](Data(contentsOf: Checkout.fixtures.appending(path: name)))
            let parser = WebhookParser()
            for notification in try parser.parse(body, acceptedAt: now).notifications {
                let payload = try parser.decode(notification.body)
                let composer = MessageComposer(
                    payload, severity: notification.severity, settings: RenderSettings(), now: now)
                text += "--- \(notification.severity.rawValue)\n" + lines(of: composer.message())
                text += "--- \(notification.severity.rawValue), plain\n" + lines(of: composer.plainMessage())
            }
        } catch {
            text += "\((error as? ParseError)?.message ?? "\(error)")\n"
        }
        return text
    }

    private static func lines(of message: Message) -> String {
        var lines = [message.text]
        for attachment in message.attachments {
            lines.append("| \(attachment.title) [\(attachment.color)]\(attachment.isCollapsed ? " collapsed" : "")")
            lines += attachment.titleLink.map { ["|   -> \($0)"] } ?? []
            lines += attachment.text.split(separator: "\n").map { "|   \($0)" }
            lines += attachment.imageURL.map { ["|   image: \($0)"] } ?? []
            lines += attachment.fields.map { "|   \($0.title): \($0.value)\($0.isShort ? "" : " (wide)")" }
            lines += attachment.buttons.map { "|   (\($0.text)) \($0.url)" }
        }
        return lines.joined(separator: "\n") + "\n"
    }
}
