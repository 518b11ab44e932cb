import Alerts
import Journaling
import Support

/// Formats dead letters as text or as JSON.
enum DeadLetterText {
    /// One page of a list. In JSON these are the elements of an array, without its brackets.
    ///
    /// - Parameter receivers: the names of receivers in the journal.
    static func list(
        _ letters: [DeadLetterSummary], receivers: [ReceiverID: String] = [:], asJSON: Bool, isFirstPage: Bool = true,
        now: Timestamp
    ) -> String {
        if asJSON {
            var writer = JSONWriter()
            writer.array(letters) { writer, listed in
                writer.object { writer in
                    write(listed.letter, receivers, to: &writer)
                    writer.key("alertNames")
                    writer.array(listed.names.distinct) { $0.string($1) }
                }
            }
            return String(decoding: writer.bytes.dropFirst().dropLast(), as: UTF8.self)
        }
        guard !letters.isEmpty else { return isFirstPage ? "no dead letters\n" : "" }
        let head = ["ID", "ROOM", "DIED", "ALERTS", "REASON", "ATTEMPTS", "LAST ANSWER"]
        let rows = letters.map { listed in
            let letter = listed.letter
            return [
                "\(letter.id)", room(letter, receivers), now.since(letter.diedAt).humanized + " ago",
                line(listed.summary, limit: 40), letter.reason.rawValue, "\(letter.attempts)",
                line(letter.answer ?? "none", limit: 100),
            ]
        }
        return TextTable.text(head, rows, isFirstPage: isFirstPage)
    }

    static func content(
        _ content: DeadLetterContent, receivers: [ReceiverID: String] = [:], asJSON: Bool
    ) -> String {
        let body = String(decoding: content.body, as: UTF8.self)
        if asJSON {
            var writer = JSONWriter()
            writer.object { writer in
                write(content.letter, receivers, to: &writer)
                writer.key("intact")
                writer.bool(content.isIntact)
                writer.key("body")
                writer.string(body)
            }
            return text(writer)
        }
        let letter = content.letter
        let lines = [
            "id:          \(letter.id)", "room:        \(room(letter, receivers))",
            "accepted:    \(letter.acceptedAt.rfc3339)", "died:        \(letter.diedAt.rfc3339)",
            "reason:      \(letter.reason.rawValue)", "attempts:    \(letter.attempts)",
            "last answer: \(line(letter.answer ?? "none", limit: 1000))",
            "content:     \(letter.size) bytes, " + (content.isIntact ? "intact" : "damaged"),
        ]
        return lines.joined(separator: "\n") + "\n\n" + alerts(content) + "\n"
    }

    static func done(_ what: String, _ ids: [JournalID], asJSON: Bool) -> String {
        if asJSON {
            var writer = JSONWriter()
            writer.object { writer in
                writer.key(what)
                writer.array(ids) { $0.string("\($1)") }
            }
            return text(writer)
        }
        return "\(what) \(ids.count) \(ids.count == 1 ? "dead letter" : "dead letters")\n"
    }

    /// The alerts as rendered for the room, or the raw body if it cannot be parsed.
    private static func alerts(_ content: DeadLetterContent) -> String {
        guard content.letter.reason != .crash, let payload = try? WebhookParser().decode(content.body) else {
            return lines(String(decoding: content.body.prefix(4000), as: UTF8.self))
        }
        return payload.plainTexts(severity: content.letter.severity, now: content.letter.acceptedAt)
            .map { lines($0) }.joined(separator: "\n")
    }

    /// `critical`, or `critical of database` for a receiver.
    private static func room(_ letter: DeadLetter, _ receivers: [ReceiverID: String]) -> String {
        letter.severity.rawValue + (receivers[letter.destination.receiver].map { " of \($0)" } ?? "")
    }

    private static func write(
        _ letter: DeadLetter, _ receivers: [ReceiverID: String], to writer: inout JSONWriter
    ) {
        let members = [
            ("id", "\(letter.id)"), ("severity", letter.severity.rawValue),
            ("acceptedAt", letter.acceptedAt.rfc3339), ("diedAt", letter.diedAt.rfc3339),
            ("reason", letter.reason.rawValue), ("answer", letter.answer ?? ""),
        ]
        let receiver = receivers[letter.destination.receiver].map { [("receiver", $0)] } ?? []
        for (name, value) in members + receiver { writer.member(name, value) }
        writer.member("attempts", letter.attempts)
        writer.member("size", letter.size)
    }

    private static func text(_ writer: JSONWriter) -> String {
        String(decoding: writer.bytes, as: UTF8.self) + "\n"
    }

    private static func line(_ text: String, limit: Int) -> String { TextTable.cell(text, limit: limit) }

    private static func lines(_ text: String) -> String { TextTable.block(text) }
}
