import Alerts
import PostgreSQLJournal
import TestSupport

@testable import Journaling

/// Values for tests of the schema's functions.
enum DatabaseSamples {
    static let window = Duration.seconds(60)

    static func payload(
        _ group: UInt64, state: UInt64, _ reason: AlertBatch.Reason = .unknown, _ severities: [Severity] = [.critical],
        body: String? = nil, receiver: ReceiverID = .severityRooms
    ) -> DatabaseJournal.Payload {
        let notifications = severities.map { severity in
            var notification = JournalSamples.notification(severity, group: group, body: body ?? "\(group) \(state)")
            notification.receiver = receiver
            return notification
        }
        let word = (0..<8).map { UInt8(truncatingIfNeeded: state >> (56 - $0 * 8)) }
        return DatabaseJournal.Payload(group: group, state: word + word, reason: reason, notifications: notifications)
    }

    static func settled(
        _ id: JournalID, _ settlement: JournalSettlement = .delivered, _ history: HistoryRecord? = nil,
        isContinued: Bool = false
    ) -> JournalTransaction.Settled {
        JournalTransaction.Settled(id: id, settlement: settlement, history: history, isContinued: isContinued)
    }

    static let dead = JournalSettlement.dead(reason: .init(rawValue: "clientError"), attempts: 3, answer: "no\0!")
}

extension DatabaseJournal {
    /// Appends at the sample time with a window of a minute.
    func append(
        _ payloads: [Payload], settling: [JournalTransaction.Settled] = []
    ) throws -> [[StoredNotification]?] {
        try append(payloads, window: DatabaseSamples.window, settling: settling, at: .sample)
    }

    /// Exchanges at the sample time. A record keeps three posts.
    func exchange(
        ends: [PostingDraft.End] = [], _ settlements: [JournalTransaction.Settled] = [],
        begins: [PostingDraft.Begin] = [], at now: Timestamp = .sample, under tenure: JournalTenure
    ) throws -> [Bool]? {
        let draft = PostingDraft(ends: ends, settlements: settlements, begins: begins, postsKept: 3, at: now)
        return try exchange(draft, under: tenure)
    }

    /// The ids of all pending notifications of a destination.
    func pendingIDs(_ destination: Destination = .critical) throws -> [JournalID] {
        try rows(destination, after: nil, limit: 1 << 20).rows.map(\.id)
    }

    /// Takes the tenure, also from another replica.
    func seize(as replica: String) throws -> JournalTenure? { try take(sight(), as: replica) }
}
