/// A row's number in the journal; ascends within a queue. 0 precedes every row.
public struct EntryID: Sendable, Hashable, Comparable {
    public var rawValue: Int64

    public init(_ rawValue: Int64) { self.rawValue = rawValue }

    public static let zero = EntryID(0)

    public static func < (left: EntryID, right: EntryID) -> Bool { left.rawValue < right.rawValue }
}

/// A journal row without its body.
public struct PendingEntry: Sendable, Hashable {
    public var id: EntryID
    /// The alert group whose state the entry tells.
    public var group: UInt64
    /// The group is resolved by this entry; otherwise it fires.
    public var isResolved: Bool
    /// Put back from the dead letters.
    public var isReplayed: Bool
    /// How often the process crashed while this entry was in composition.
    public var crashes: UInt8
    /// How many of these crashes happened while it was composed alone, and nothing else was being composed.
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
    /// Everything up to here was read; read on from here.
    public var cursor: EntryID
    /// Nothing was pending behind the cursor when the journal was read.
    public var isLast: Bool

    public init(entries: [PendingEntry], cursor: EntryID, isLast: Bool) {
        self.entries = entries
        self.cursor = cursor
        self.isLast = isLast
    }
}

/// How a batch is rendered, from the richest to the one that no room may refuse.
public enum Form: UInt8, Sendable, Hashable, CaseIterable {
    case full
    /// As `full`, in smaller parts.
    case reduced
    /// Text only.
    case plain
    /// A fixed sentence with the entry's ID. It finds out whether the room refuses the entry or everything.
    case notice
}

/// What the head of a message must say.
public struct Banner: OptionSet, Sendable, Hashable {
    public let rawValue: UInt8

    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// The message belongs to another room.
    public static let rerouted = Banner(rawValue: 1)
    /// The entries were put back from the dead letters.
    public static let replayed = Banner(rawValue: 2)
    /// Another room takes other messages, but not this one.
    public static let refused = Banner(rawValue: 4)
}
