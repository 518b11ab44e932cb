import Alerts
import Journaling
import Support

/// The search of the history, from the fields of a query.
struct HistoryForm: Sendable {
    /// The search, and the place in the list.
    static let names = searchNames + ["limit", "before"]
    private static let searchNames = ["q", "alert", "room", "since", "status", "outcome"]

    let fields: FormFields

    /// Throws an explanation for the user.
    func query(limit: Int, now: Timestamp) throws(ControlError) -> HistoryQuery {
        var query = HistoryQuery()
        query.limit = limit
        query.text = fields["q"]
        query.alert = fields["alert"]
        query.room = fields["room"]
        query.since = try value("since", "a duration such as 2h, or a time as in RFC 3339") { since in
            Quantity.duration(since).map { Self.time($0, before: now) } ?? Timestamp(rfc3339: since)
        }
        query.status = try value("status", "firing or resolved") { AlertStatus(rawValue: $0) }
        let outcomes = HistoryEntry.Outcome.allCases.map(\.rawValue).joined(separator: ", ")
        query.outcome = try value("outcome", "one of \(outcomes)") { HistoryEntry.Outcome(rawValue: $0) }
        query.before = try value("before", "the next of an earlier page") { HistoryCursor($0) }
        query.limit =
            try value("limit", "a whole number from 1 to 1000") {
                Int($0).flatMap { HistoryQuery.limits.contains($0) ? $0 : nil }
            } ?? limit
        return query
    }

    private func value<Value>(
        _ name: String, _ expectation: String, _ read: (String) -> Value?
    ) throws(ControlError) -> Value? {
        guard let text = fields[name] else { return nil }
        if let value = read(text) { return value }
        throw ControlError(description: "\(name) is not \(expectation)")
    }

    private static func time(_ duration: Duration, before now: Timestamp) -> Timestamp {
        let seconds = min(max(0, duration.components.seconds), 100 * 366 * 86_400)
        return Timestamp(seconds: now.seconds - seconds, nanoseconds: now.nanoseconds)
    }

    /// The query of the next page, with the same search.
    func next(_ cursor: HistoryCursor) -> String {
        let kept = Self.searchNames.compactMap { name in
            fields[name].map { "\(name)=\(FormFields.encoded($0))" }
        }
        return (kept + ["before=\(cursor)"]).joined(separator: "&")
    }
}

/// Writes history entries as JSON, for the API. The entries are those of `relay history --json`.
enum HistoryJSON {
    static func bytes(_ page: HistoryPage, receivers: [ReceiverID: String]) -> [UInt8] {
        var writer = JSONWriter()
        writer.object { writer in
            writer.key("history")
            writer.array(page.entries) { $1.write(to: &$0, receivers) }
            writer.member("next", page.next?.description)
        }
        return writer.bytes
    }
}
