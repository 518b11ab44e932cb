/// A notification given up on, as a list shows it.
struct DeadLetter: Sendable, Equatable {
    var id: JournalID
    var severity: Severity
    var destination: Destination { Destination(receiver: id.destination.receiver, severity: severity) }
    var group: UInt64
    var acceptedAt: Timestamp
    var diedAt: Timestamp
    var reason: DeadLetterReason
    /// Delivery attempts made; 0 when none was.
    var attempts: Int
    /// What the room answered last.
    var answer: String?
    /// The body's size in bytes.
    var size: Int
}

/// A dead letter with the webhook body it holds.
struct DeadLetterContent: Sendable, Equatable {
    var letter: DeadLetter
    var body: [UInt8]
    /// False when the checksum does not fit: such a letter can be read but not replayed.
    var isIntact: Bool
    /// As on the notification: it is kept when the letter is replayed.
    var isResolved = false
}

/// What became of the dead letters that a replay named.
struct Replay<Entry: Sendable>: Sendable {
    /// Pending again, under new ids, in the order named.
    var entries: [Entry] = []
    /// Left where they are because their content is damaged.
    var damaged: [JournalID] = []
    /// No such dead letter.
    var missing: [JournalID] = []
}
