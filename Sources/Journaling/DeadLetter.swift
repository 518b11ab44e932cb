package import Alerts

/// The final outcome of a journalled notification.
package enum JournalSettlement: Sendable, Equatable {
    case delivered
    /// Not delivered, and of no use any more: too old, and resolved since.
    case expired
    /// Given up: kept for a person to read and replay.
    case dead(reason: DeadLetter.Reason, attempts: Int, answer: String?)

    /// Nothing of it is kept.
    package var isFinal: Bool {
        switch self {
        case .delivered, .expired: true
        case .dead: false
        }
    }
}

/// A notification given up on, as a list shows it.
package struct DeadLetter: Sendable, Equatable {
    /// Why a notification became a dead letter; the raw value is a label in metrics, so the set of them stays small.
    package struct Reason: RawRepresentable, Hashable, Sendable {
        package let rawValue: String

        package init(rawValue: String) {
            self.rawValue = rawValue
        }

        /// The row's checksum does not fit its content: the storage changed it.
        package static let damaged = Reason(rawValue: "crc")
    }

    package var id: JournalID
    package var severity: Severity
    package var destination: Destination { Destination(receiver: id.destination.receiver, severity: severity) }
    package var group: UInt64
    package var acceptedAt: Timestamp
    package var diedAt: Timestamp
    package var reason: Reason
    /// Delivery attempts made; 0 when none was.
    package var attempts: Int
    /// What the room answered last.
    package var answer: String?
    /// The body's size in bytes.
    package var size: Int

    package init(
        id: JournalID, severity: Severity, group: UInt64, acceptedAt: Timestamp, diedAt: Timestamp, reason: Reason,
        attempts: Int, answer: String? = nil, size: Int
    ) {
        self.id = id
        self.severity = severity
        self.group = group
        self.acceptedAt = acceptedAt
        self.diedAt = diedAt
        self.reason = reason
        self.attempts = attempts
        self.answer = answer
        self.size = size
    }
}

/// A dead letter with the webhook body it holds.
package struct DeadLetterContent: Sendable, Equatable {
    package var letter: DeadLetter
    package var body: [UInt8]
    /// False when the checksum does not fit: such a letter can be read but not replayed.
    package var isIntact: Bool
    /// As on the notification: it is kept when the letter is replayed.
    package var isResolved = false

    package init(letter: DeadLetter, body: [UInt8], isIntact: Bool, isResolved: Bool = false) {
        self.letter = letter
        self.body = body
        self.isIntact = isIntact
        self.isResolved = isResolved
    }
}

/// What became of the dead letters that a replay named.
package struct Replay<Entry: Sendable>: Sendable {
    /// Pending again, under new ids, in the order named.
    package var entries: [Entry] = []
    /// Left where they are because their content is damaged.
    package var damaged: [JournalID] = []
    /// No such dead letter.
    package var missing: [JournalID] = []

    package init(entries: [Entry] = [], damaged: [JournalID] = [], missing: [JournalID] = []) {
        self.entries = entries
        self.damaged = damaged
        self.missing = missing
    }
}
