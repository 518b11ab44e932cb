/// A row's number in the journal, ascending within a queue. 0 precedes all rows.
public struct EntryID: Sendable, Hashable, Comparable {
    public var rawValue: Int64

    public init(_ rawValue: Int64) { self.rawValue = rawValue }

    public static let zero = EntryID(0)

    public static func < (left: EntryID, right: EntryID) -> Bool { left.rawValue < right.rawValue }
}

/// A journal row without its body.
public struct PendingEntry: Sendable, Hashable {
    public var id: EntryID
    /// The alert group whose state the entry reports.
    public var group: UInt64
    /// The entry reports the group as resolved, otherwise as firing.
    public var isResolved: Bool
    /// Requeued from the dead letters.
    public var isReplayed: Bool
    /// How often the process crashed while this entry was in composition.
    public var crashes: UInt8
    /// How many of these crashes happened while no other entry was in composition.
    public var crashesAlone: UInt8

    public init(
        id: EntryID, group: UInt64, isResolved: Bool = false, isReplayed: Bool = false, crashes: UInt8 = 0,
        crashesAlone: UInt8 = 0
    ) {
        self.id = id
        self.group = group
        self.isResolved = isResolved
        self.isReplayed = isReplayed
        self.crashes = crashes
        self.crashesAlone = crashesAlone
    }
}

/// Rows of a queue in ascending order, as the journal read them.
public struct Page: Sendable, Hashable {
    public var entries: [PendingEntry]
    /// All rows up to this one were read; the next read starts after it.
    public var cursor: EntryID
    /// No rows were pending after the cursor when the journal was read.
    public var isLast: Bool

    public init(entries: [PendingEntry], cursor: EntryID, isLast: Bool) {
        self.entries = entries
        self.cursor = cursor
        self.isLast = isLast
    }
}

/// How a batch is rendered, from the richest form to the simplest, which every working room accepts.
public enum Form: UInt8, Sendable, Hashable, CaseIterable {
    case full
    /// As `full`, in smaller parts.
    case reduced
    /// Text only.
    case plain
    /// A fixed sentence with the entry's ID. It shows whether the room refuses the entry or all messages.
    case notice
}

/// Statements at the top of a message.
public struct Banner: OptionSet, Sendable, Hashable {
    public let rawValue: UInt8

    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// The message was intended for another room.
    public static let rerouted = Banner(rawValue: 1)
    /// The entries were requeued from the dead letters.
    public static let replayed = Banner(rawValue: 2)
    /// Another room refused this message but accepts others.
    public static let refused = Banner(rawValue: 4)
}
