import Alerts
import Journaling
import Support

/// Answers queries of the history, in a running relay or directly on the spool. Blocks on the journal queue, so it must
/// not be called on the loop.
struct HistoryService<Ticket: Sendable>: ControlService {
    let journal: Journal<Ticket>

    static var name: String { "history" }

    func execute(_ request: ControlRequest) -> ControlReply? {
        guard request.verb == "list", let query = HistoryQuery(wire: request.body) else { return nil }
        do throws(JournalRefusal) {
            let page = try journal.history(query)
            return ControlReply(
                output: HistoryText.list(
                    page.entries, receivers: journal.snapshot.receivers, asJSON: request.asJSON,
                    isFirstPage: query.before == nil),
                next: page.next?.description)
        } catch {
            return ControlReply(output: "", problems: ["the spool cannot be used now: \(error.explanation)"])
        }
    }
}

/// The form on the control socket: one condition a line, with its name and its value.
extension HistoryQuery {
    var wire: String {
        let conditions = [
            ("alert", alert), ("room", room), ("since", since?.rfc3339), ("status", status?.rawValue),
            ("outcome", outcome?.rawValue), ("text", text), ("fold", fold?.description),
            ("before", before?.description), ("limit", "\(limit)"),
        ]
        // A line break in a value would begin a condition.
        return conditions.compactMap { name, value in
            value.map { "\(name) \($0.replacing("\n", with: " "))" }
        }.joined(separator: "\n")
    }

    /// Returns nil for text that `wire` never produces.
    init?(wire: String) {
        self.init()
        for line in wire.split(separator: "\n") {
            let words = line.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: false)
            guard words.count == 2, adopt(String(words[0]), String(words[1])) else { return nil }
        }
    }

    private mutating func adopt(_ name: String, _ value: String) -> Bool {
        switch name {
        case "alert": alert = value
        case "room": room = value
        case "text": text = value
        case "since":
            since = Timestamp(rfc3339: value)
            return since != nil
        case "status":
            status = AlertStatus(rawValue: value)
            return status != nil
        case "outcome":
            outcome = HistoryEntry.Outcome(rawValue: value)
            return outcome != nil
        case "fold":
            fold = JournalID(value)
            return fold != nil
        case "before":
            before = HistoryCursor(value)
            return before != nil
        case "limit":
            guard let number = Int(value), HistoryQuery.limits.contains(number) else { return false }
            limit = number
        default: return false
        }
        return true
    }
}
