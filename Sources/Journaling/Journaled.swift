package import Alerts
import Support

/// A value that is on disk. Only a commit or a load creates one, so that only stored values can be dispatched.
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

/// A page of pending notifications that are on disk.
package struct PendingWindow: Sendable, Equatable {
    package var notifications: [Journaled<Notification>]
    /// The last id that was read, after which the next page starts; nil if nothing was found.
    package var cursor: JournalID?
    /// Whether nothing is pending after the cursor.
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

/// Like `PendingWindow`, without bodies. Checksums cover the bodies, so damage is found when the body is loaded.
package struct PendingRows: Sendable, Equatable {
    package var rows: [PendingRow] = []
    /// The last id that was read, after which the next page starts; nil if nothing was found.
    package var cursor: JournalID?
    /// Whether nothing is pending after the cursor.
    package var isLast = true

    package init(rows: [PendingRow] = [], cursor: JournalID? = nil, isLast: Bool = true) {
        self.rows = rows
        self.cursor = cursor
        self.isLast = isLast
    }
}

/// The only functions that create `Journaled` values.
extension JournalEngine {
    /// Commits a draft. Returns the outcomes of its payloads in their order.
    package func journal(_ draft: JournalDraft) throws(JournalStoreError) -> [AppendOutcome] {
        try commit(draft).map { result in
            switch result {
            case .stored(let stored): AppendOutcome(notifications: stored.map { Journaled($0) }, isDuplicate: false)
            case .duplicate: AppendOutcome(notifications: [], isDuplicate: true)
            }
        }
    }

    /// Reads pending notifications as `pending(_:after:limit:byteLimit:at:)` does. Returns them as `Journaled`, with
    /// the number of damaged ones.
    package func load(
        _ destination: Destination, after: JournalID?, limit: Int, byteLimit: Int, at now: Timestamp
    ) throws(JournalStoreError) -> (window: PendingWindow, damaged: Int) {
        let stored = try pending(destination, after: after, limit: limit, byteLimit: byteLimit, at: now)
        let window = PendingWindow(
            notifications: stored.notifications.map { Journaled($0) }, cursor: stored.cursor, isLast: stored.isLast)
        return (window, stored.damaged)
    }

    /// Replays dead letters as `replay(_:isForced:history:)` does. Returns them as `Journaled`.
    package func requeue(
        _ ids: [JournalID], isForced: Bool, history: HistoryNote? = nil
    ) throws(JournalStoreError) -> Replay<Journaled<Notification>> {
        let stored = try replay(ids, isForced: isForced, history: history)
        return Replay(
            entries: stored.entries.map { Journaled($0) }, damaged: stored.damaged, missing: stored.missing)
    }
}

/// The identity of a notification in the journal. Ids are unique, and increase in the order of acceptance within a
/// destination.
///
/// The low bits encode the destination, so that the id suffices to find the row. Bits 0-1 are the severity. Bits 2-3
/// are 0 for the severity room, and 1 for a receiver, whose number is in bits 4-11.
package struct JournalID: RawRepresentable, Hashable, Comparable, Sendable {
    private static let receiverFlag: Int64 = 0b0100

    /// The sequence numbers of notifications. Higher ones are for damaged rows, whose ids cannot be trusted.
    package static let sequences: Range<Int64> = 1..<1 << 50

    package let rawValue: Int64

    package init(rawValue: Int64) {
        self.rawValue = rawValue
    }

    /// - precondition: `sequence` is above 0 and below 2^51, which suffices for 10,000 a second for 7,000 years.
    package init(sequence: Int64, destination: Destination) {
        expect(sequence > 0 && sequence < 1 << 51, "sequence \(sequence) is out of range")
        self.init(unchecked: sequence, destination)
    }

    /// Names a destination without a notification: its sequence number is 0.
    package static func unassigned(_ destination: Destination) -> JournalID {
        JournalID(unchecked: 0, destination)
    }

    private init(unchecked sequence: Int64, _ destination: Destination) {
        let severity = destination.severity.spoolNumber
        if destination.receiver == .severityRooms {
            rawValue = sequence << 4 | severity
        } else {
            rawValue = (sequence << 8 | Int64(destination.receiver.rawValue)) << 4 | Self.receiverFlag | severity
        }
    }

    private var isForReceiver: Bool { rawValue & 0b1100 == Self.receiverFlag }

    /// The position in the order of acceptance of all destinations.
    package var sequence: Int64 { isForReceiver ? rawValue >> 12 : rawValue >> 4 }

    /// The outbound queue of the notification.
    package var destination: Destination {
        Destination(
            receiver: isForReceiver ? ReceiverID(rawValue: UInt8(truncatingIfNeeded: rawValue >> 4)) : .severityRooms,
            severity: Severity(spoolNumber: rawValue & 0b0011))
    }

    /// The next higher raw value; nil if there is none.
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
    /// The number of the severity on disk. It must never change.
    package var spoolNumber: Int64 {
        switch self {
        case .critical: 0
        case .warning: 1
        case .info: 2
        case .fallback: 3
        }
    }

    /// Maps unknown numbers to fallback. They occur only in damaged rows, which the checksum detects.
    package init(spoolNumber: Int64) {
        self = Severity.allCases.first { $0.spoolNumber == spoolNumber } ?? .fallback
    }
}
