package import Alerts
import Support

/// A value that is on disk. Only a commit or a load makes one, so that nothing unjournalled can be dispatched.
package struct Journaled<Value: Sendable>: Sendable {
    package let id: JournalID
    package let value: Value

    fileprivate init(id: JournalID, value: Value) {
        self.id = id
        self.value = value
    }
}

extension Journaled: Equatable where Value: Equatable {}

extension Journaled<Notification> {
    fileprivate init(_ stored: StoredNotification) {
        self.init(id: stored.id, value: stored.notification)
    }
}

/// A part of what is pending, from the journal's disk.
package struct PendingWindow: Sendable, Equatable {
    package var notifications: [Journaled<Notification>]
    /// Load on from behind this id; nil when nothing was found.
    package var cursor: JournalID?
    /// Nothing is pending behind the cursor.
    package var isLast: Bool
}

/// A pending notification without its body.
package struct PendingRow: Sendable, Equatable {
    package var id: JournalID
    package var group: UInt64
    package var isResolved: Bool
    package var isReplayed: Bool

    package init(id: JournalID, group: UInt64, isResolved: Bool, isReplayed: Bool) {
        self.id = id
        self.group = group
        self.isResolved = isResolved
        self.isReplayed = isReplayed
    }
}

/// As `PendingWindow`, without bodies. The checksums need the bodies, so a damaged row is found when its body is loaded.
package struct PendingRows: Sendable, Equatable {
    package var rows: [PendingRow] = []
    /// Read on from behind this id; nil when nothing was found.
    package var cursor: JournalID?
    /// Nothing is pending behind the cursor.
    package var isLast = true

    package init(rows: [PendingRow] = [], cursor: JournalID? = nil, isLast: Bool = true) {
        self.rows = rows
        self.cursor = cursor
        self.isLast = isLast
    }
}

/// The only doors through which a value becomes `Journaled`.
extension JournalStore {
    /// Commits, and only then calls the appended notifications journalled; one list an append, in their order.
    package func journal(_ transaction: JournalTransaction) throws(JournalStoreError) -> [[Journaled<Notification>]] {
        try commit(transaction)
        return transaction.appends.map { $0.map { Journaled($0) } }
    }

    package func load(
        _ destination: Destination, after: JournalID?, limit: Int, byteLimit: Int, at now: Timestamp
    ) throws(JournalStoreError) -> (window: PendingWindow, damaged: Int) {
        let stored = try pending(destination, after: after, limit: limit, byteLimit: byteLimit, at: now)
        let window = PendingWindow(
            notifications: stored.notifications.map { Journaled($0) }, cursor: stored.cursor, isLast: stored.isLast)
        return (window, stored.damaged)
    }

    package func requeue(
        _ ids: [JournalID], firstSequence: Int64
    ) throws(JournalStoreError) -> Replay<Journaled<Notification>> {
        let stored = try replay(ids, firstSequence: firstSequence)
        return Replay(
            entries: stored.entries.map { Journaled($0) }, damaged: stored.damaged, missing: stored.missing)
    }
}

/// The identity of a notification in the journal: never given twice, growing in the order of acceptance for each
/// destination.
///
/// The low bits name the destination, so that a settlement needs nothing but the id to find its row: the severity in
/// two, then two that are 0 for a severity's own queue and 1 where a receiver's number follows in eight more.
package struct JournalID: RawRepresentable, Hashable, Comparable, Sendable {
    private static let receiverMark: Int64 = 0b0100

    /// What a journal gives out; the other half is for damaged rows whose own ids cannot be kept.
    package static let sequences: Range<Int64> = 1..<1 << 50

    package let rawValue: Int64

    package init(rawValue: Int64) {
        self.rawValue = rawValue
    }

    /// - precondition: `sequence` is above 0 and below 2^51: ten thousand a second for seven thousand years.
    package init(sequence: Int64, destination: Destination) {
        expect(sequence > 0 && sequence < 1 << 51, "sequence \(sequence) is out of range")
        let severity = destination.severity.spoolNumber
        if destination.receiver == .severityRooms {
            rawValue = sequence << 4 | severity
        } else {
            rawValue = (sequence << 8 | Int64(destination.receiver.rawValue)) << 4 | Self.receiverMark | severity
        }
    }

    private var isReceivers: Bool { rawValue & 0b1100 == Self.receiverMark }

    /// The place in the order of acceptance, over all destinations.
    package var sequence: Int64 { isReceivers ? rawValue >> 12 : rawValue >> 4 }

    package var destination: Destination {
        Destination(
            receiver: isReceivers ? ReceiverID(rawValue: UInt8(truncatingIfNeeded: rawValue >> 4)) : .severityRooms,
            severity: Severity(spoolNumber: rawValue & 0b0011))
    }

    /// The lowest raw value behind this one; nil behind the last.
    package var successor: Int64? { rawValue == .max ? nil : rawValue + 1 }

    package static func < (left: JournalID, right: JournalID) -> Bool {
        left.rawValue < right.rawValue
    }
}

extension JournalID: LosslessStringConvertible {
    package init?(_ description: String) {
        guard let rawValue = Int64(description) else { return nil }
        self.init(rawValue: rawValue)
    }

    package var description: String { String(rawValue) }
}

extension Severity {
    /// The number that stands for this severity on disk; a number once used keeps its meaning for ever.
    package var spoolNumber: Int64 {
        switch self {
        case .critical: 0
        case .warning: 1
        case .info: 2
        case .fallback: 3
        }
    }

    /// A number that no severity has reads as fallback: it can only come from a damaged row, which the checksum finds.
    package init(spoolNumber: Int64) {
        self = Severity.allCases.first { $0.spoolNumber == spoolNumber } ?? .fallback
    }
}
