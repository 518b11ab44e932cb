package import Alerts

/// The final outcome of a journalled notification.
package enum JournalSettlement: Sendable, Equatable {
    case delivered
    /// Not delivered: older than the maximum age and resolved since.
    case expired
    /// Not delivered: kept as a dead letter that an operator can read and replay. `answer` is the last response.
    case dead(reason: DeadLetter.Reason, attempts: Int, answer: String?)

    /// Whether the notification is deleted, not kept as a dead letter.
    package var isFinal: Bool {
        switch self {
        case .delivered, .expired: true
        case .dead: false
        }
    }
}

/// A dead letter without its body: a notification that could not be delivered.
package struct DeadLetter: Sendable, Equatable {
    /// Why a notification became a dead letter. The raw value is a metric label, so the number of values must be small.
    package struct Reason: RawRepresentable, Hashable, Sendable {
        package let rawValue: String

        package init(rawValue: String) {
            self.rawValue = rawValue
        }

        /// The checksum of the row does not match: the storage changed its content.
        package static let damaged = Reason(rawValue: "crc")
        /// The process crashed while it handled the content.
        package static let crash = Reason(rawValue: "crash")
    }

    package var id: JournalID
    package var severity: Severity
    /// The outbound queue that the notification was in.
    package var destination: Destination { Destination(receiver: id.destination.receiver, severity: severity) }
    /// `Notification.group`.
    package var group: UInt64
    package var acceptedAt: Timestamp
    /// When the notification became a dead letter.
    package var diedAt: Timestamp
    package var reason: Reason
    /// The number of delivery attempts.
    package var attempts: Int
    /// The last response of Rocket.Chat; nil if there was none.
    package var answer: String?
    /// The size of the body in bytes.
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

/// A dead letter with its webhook body.
package struct DeadLetterContent: Sendable, Equatable {
    package var letter: DeadLetter
    package var body: [UInt8]
    /// Whether the checksum matches. A damaged dead letter can be read but not replayed.
    package var isIntact: Bool
    /// `Notification.isResolved`, which a replay restores.
    package var isResolved = false

    package init(letter: DeadLetter, body: [UInt8], isIntact: Bool, isResolved: Bool = false) {
        self.letter = letter
        self.body = body
        self.isIntact = isIntact
        self.isResolved = isResolved
    }
}

/// The result of a replay of dead letters.
package struct Replay<Entry: Sendable>: Sendable {
    /// The replayed ones, pending again under new ids, in the order of the request.
    package var entries: [Entry] = []
    /// Not replayed, because their content is damaged.
    package var damaged: [JournalID] = []
    /// Not replayed, because they do not exist.
    package var missing: [JournalID] = []

    package init(entries: [Entry] = [], damaged: [JournalID] = [], missing: [JournalID] = []) {
        self.entries = entries
        self.damaged = damaged
        self.missing = missing
    }
}
