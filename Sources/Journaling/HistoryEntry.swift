package import Alerts
import Support

/// How one notification ended: what the relay did with it, when, and where it was posted.
///
/// A dead letter has an entry when it dies, and another one when it is replayed or dropped. The replayed notification
/// has a new id, and an entry of its own when it ends.
package struct HistoryEntry: Sendable, Equatable {
    package enum Outcome: String, Sendable, Hashable, CaseIterable {
        case delivered
        /// Identical to the last notification of its group within the dedupe window.
        case duplicate
        /// Older than the maximum age, and resolved since.
        case expired
        case deadLetter = "dead-letter"
        /// A dead letter that an operator deleted.
        case dropped
        /// A dead letter that an operator made pending again.
        case replayed
    }

    package struct Alert: Sendable, Hashable {
        /// The label `alertname`; empty if there is none.
        package var name: String
        /// 16 hex digits from Alertmanager; other senders can send any text.
        package var fingerprint: String
        package var isFiring: Bool

        package init(name: String, fingerprint: String, isFiring: Bool) {
            self.name = name
            self.fingerprint = fingerprint
            self.isFiring = isFiring
        }
    }

    /// The maximum number of alerts in an entry.
    package static let maxAlerts = 20

    /// `JournalID.unassigned` for duplicates, which get no id.
    package var id: JournalID
    package var destination: Destination { id.destination }
    /// `Notification.group`.
    package var group: UInt64
    /// At most `maxAlerts`; empty if the body could not be read.
    package var alerts: [Alert] = []
    /// The number of further alerts.
    package var omittedAlerts = 0
    /// False if all alerts are resolved.
    package var isFiring: Bool
    /// To the millisecond. For duplicates, when the first of them arrived.
    package var acceptedAt: Timestamp
    /// When the outcome was written.
    package var endedAt: Timestamp
    /// The name of the room that it was posted to last; nil if it was not posted.
    package var room: String?
    /// The room is not the destination's own one.
    package var isRerouted = false
    /// The number of posts that carried it, since it was composed last.
    package var posts = 0
    /// How often delivery was attempted, with earlier compositions.
    package var attempts = 0
    /// The ids of its messages, as far as the server sent them.
    package var messageIDs: [String] = []
    /// The number of other notifications in the same message.
    package var foldedWith = 0
    /// The first notification in the same message; nil unless it was folded.
    package var fold: JournalID?
    /// The number of identical notifications that a duplicate stands for; otherwise 1.
    package var count = 1
    package var outcome: Outcome
    /// The last response of Rocket.Chat, or the reason of the outcome, in words.
    package var detail: String?

    /// The distinct alert names, separated by commas, with an ellipsis if there are more.
    package func shownNames(limit: Int) -> String {
        let names = alerts.map(\.name).filter { !$0.isEmpty }.distinct
        let more = names.count > limit || omittedAlerts > 0 ? ["…"] : []
        return (names.prefix(limit) + more).joined(separator: ", ")
    }

    package init(
        id: JournalID, group: UInt64, isFiring: Bool, acceptedAt: Timestamp, endedAt: Timestamp, outcome: Outcome
    ) {
        self.id = id
        self.group = group
        self.isFiring = isFiring
        self.acceptedAt = acceptedAt
        self.endedAt = endedAt
        self.outcome = outcome
    }
}

/// A selection of history entries. An entry must match all conditions that are set.
package struct HistoryQuery: Sendable, Equatable {
    package static let limits = 1...1000

    /// The name of an alert, or the start of it followed by `*`. The comparison ignores ASCII case.
    package var alert: String?
    /// The name of the room. The comparison ignores ASCII case.
    package var room: String?
    /// Entries that ended before are left out.
    package var since: Timestamp?
    package var status: AlertStatus?
    package var outcome: HistoryEntry.Outcome?
    /// A part of an alert name, of the room, of the outcome or of the id. The comparison ignores ASCII case.
    package var text: String?
    /// The members of one message, by `HistoryEntry.fold`.
    package var fold: JournalID?
    /// Entries from this one on are left out: `HistoryPage.next` of the previous page.
    package var before: HistoryCursor?
    /// The maximum number of entries in a page, clamped to `limits`.
    package var limit = 100

    package init() {}
}

/// Entries, newest first.
package struct HistoryPage: Sendable, Equatable {
    package var entries: [HistoryEntry] = []
    /// Where the next page starts; nil if there are no more entries.
    package var next: HistoryCursor?

    package init(entries: [HistoryEntry] = [], next: HistoryCursor? = nil) {
        self.entries = entries
        self.next = next
    }
}

/// A place in the history. Its text form can be sent to clients.
package struct HistoryCursor: Sendable, Hashable {
    /// The row, and the number of its entry.
    var row: Int64
    var member: Int

    init(row: Int64, member: Int) {
        (self.row, self.member) = (row, member)
    }
}

extension HistoryCursor: LosslessStringConvertible {
    package init?(_ description: String) {
        let parts = description.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, let row = Int64(parts[0]), let member = Int(parts[1]), row > 0, member >= 0 else {
            return nil
        }
        self.init(row: row, member: member)
    }

    package var description: String { "\(row).\(member)" }
}
