import Alerts
import Journaling
import Support

/// Formats history entries as text or as JSON.
enum HistoryText {
    /// The width that lines keep to, if that leaves `alertsWidth` columns for alerts. A cut cell has two columns more than
    /// its limit.
    private static let (width, alertsWidth) = (80, 12)

    /// One page of a list. In JSON these are the elements of an array, without its brackets.
    ///
    /// - Parameter receivers: the names of receivers in the journal.
    static func list(
        _ entries: [HistoryEntry], receivers: [ReceiverID: String] = [:], asJSON: Bool, isFirstPage: Bool = true
    ) -> String {
        if asJSON {
            var writer = JSONWriter()
            writer.array(entries) { $1.write(to: &$0, receivers) }
            return String(decoding: writer.bytes.dropFirst().dropLast(), as: UTF8.self)
        }
        guard !entries.isEmpty else { return isFirstPage ? "no entries\n" : "" }
        let head = ["ENDED (UTC)", "OUTCOME", "ROOM", "STATE", "TOOK", "WITH", "ALERTS"]
        let rows = entries.map { row($0, receivers) }
        let used = head.indices.dropLast().reduce(0) { sum, column in
            sum + 2 + max(head[column].count, rows.map { $0[column].count }.max() ?? 0)
        }
        let limit = max(alertsWidth, width - used)
        let lines = TextTable.text(
            head, zip(rows, entries).map { $0 + [alerts($1, limit: limit)] }, isFirstPage: isFirstPage)
        // Below an entry is why it was not simply delivered.
        var text = lines.split(separator: "\n").map { String($0) + "\n" }
        for (index, entry) in entries.enumerated() {
            guard entry.outcome != .delivered, entry.outcome != .duplicate, let detail = entry.detail else { continue }
            text[index + (isFirstPage ? 1 : 0)] += "  " + TextTable.cell(detail, limit: width - 4) + "\n"
        }
        return text.joined()
    }

    /// The columns without the alerts.
    private static func row(_ entry: HistoryEntry, _ receivers: [ReceiverID: String]) -> [String] {
        let isDelivered = entry.outcome == .delivered
        let took = max(0, entry.endedAt.since(entry.acceptedAt).components.seconds)
        return [
            // The year is that of the last days.
            String(entry.endedAt.rfc3339.prefix(19).dropFirst(5).replacing("T", with: " ")),
            isDelivered && entry.isRerouted ? "rerouted" : entry.outcome.rawValue,
            TextTable.cell(entry.room ?? entry.ownRoom(receivers), limit: 11),
            entry.isFiring ? "firing" : "resolved",
            entry.outcome == .duplicate ? "-" : Duration.seconds(took).humanized.replacing(" ", with: ""),
            entry.foldedWith > 0 ? "+\(entry.foldedWith)" : entry.count > 1 ? "x\(entry.count)" : "-",
        ]
    }

    private static func alerts(_ entry: HistoryEntry, limit: Int) -> String {
        let names = entry.shownNames(limit: 5)
        return TextTable.cell(names.isEmpty ? "(unknown)" : names, limit: limit - 2)
    }
}

extension HistoryEntry {
    /// The name of the destination's own room: the receiver, or else the severity.
    fileprivate func ownRoom(_ receivers: [ReceiverID: String]) -> String {
        receivers[destination.receiver] ?? destination.severity.rawValue
    }

    /// Writes the entry as an object.
    func write(to writer: inout JSONWriter, _ receivers: [ReceiverID: String]) {
        writer.object { writer in
            // A duplicate has no id.
            if id.sequence > 0 { writer.member("id", id.description) }
            writer.member("outcome", outcome.rawValue)
            writer.member("status", (isFiring ? AlertStatus.firing : .resolved).rawValue)
            writer.member("severity", destination.severity.rawValue)
            if let receiver = receivers[destination.receiver] { writer.member("receiver", receiver) }
            if let room { writer.member("room", room) }
            writer.member("rerouted", isRerouted)
            writer.member("acceptedAt", acceptedAt.rfc3339)
            writer.member("endedAt", endedAt.rfc3339)
            writer.member("group", String(group, radix: 16))
            writer.member("posts", posts)
            writer.member("attempts", attempts)
            writer.member("count", count)
            writer.key("messageIDs")
            writer.array(messageIDs) { $0.string($1) }
            writer.member("foldedWith", foldedWith)
            if let fold { writer.member("fold", fold.description) }
            writer.key("alerts")
            writer.array(alerts) { writer, alert in
                writer.object { writer in
                    writer.member("name", alert.name)
                    writer.member("fingerprint", alert.fingerprint)
                    writer.member("status", (alert.isFiring ? AlertStatus.firing : .resolved).rawValue)
                }
            }
            writer.member("omittedAlerts", omittedAlerts)
            if let detail { writer.member("detail", detail) }
        }
    }
}
