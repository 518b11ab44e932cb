/// An instruction to the shell, which executes actions in order.
public enum Action: Sendable, Equatable {
    /// Read rows after `after`, once pending settlements are committed; respond with `loaded` or `loadFailed`.
    case load(QueueID, after: EntryID, limit: Int)
    /// Record the IDs as in composition, read the bodies, render; respond with `composed` or `composeFailed`.
    case compose(Composition)
    /// Get the permit and post one part of the queue's last composition; respond with `ended`.
    case post(QueueID, HookID, part: Int)
    /// Post one message "resolved while this room was unreachable"; respond with `followUpEnded`.
    case followUp(HookID, [FollowUp])
    case settle(QueueID, [EntryID], Settlement)
    /// Replaces the previous timer; nil cancels it.
    case setTimer(Instant?)
    /// The last post after `stop` has ended. Sent once.
    case stopped
    case report(Fact)
}

/// A batch to be rendered into one or more messages.
public struct Composition: Sendable, Equatable {
    public var queue: QueueID
    public var hook: HookID
    public var ids: [EntryID]
    public var form: Form
    public var marks: Banner
    /// The message that reported the group as firing in this room; the resolve is copied into its thread.
    public var thread: String?

    public init(
        queue: QueueID, hook: HookID, ids: [EntryID], form: Form, marks: Banner, thread: String?
    ) {
        self.queue = queue
        self.hook = hook
        self.ids = ids
        self.form = form
        self.marks = marks
        self.thread = thread
    }
}

/// A resolved group that a room may still show as firing.
public struct FollowUp: Sendable, Hashable {
    public var queue: QueueID
    public var group: UInt64
    /// The entry that reported the group as resolved.
    public var id: EntryID
    /// How often the room refused this follow-up.
    var refusals: UInt8 = 0
}

/// How an entry leaves the journal.
public enum Settlement: Sendable, Hashable {
    case delivered
    /// Older than the maximum age.
    case expired
    case dead(DeadLetterReason)
}

public enum DeadLetterReason: Sendable, Hashable, CaseIterable {
    /// A room that accepts other messages refused it in every form, and all other routes were tried.
    case refused
    /// This version cannot read the body.
    case unreadable
    /// The process crashed repeatedly while composing it.
    case crashed
}

/// An event for logs and metrics, which have no other source.
public enum Fact: Sendable, Equatable {
    case posted(Attempt)
    /// All parts were delivered to the room.
    case delivered(QueueID, HookID, [EntryID], Form)
    /// The queue now posts to a route other than its first.
    case failedOver(QueueID, to: HookID)
    case failedBack(QueueID, to: HookID)
    case hookThrottled(HookID)
    case hookFailing(HookID)
    case hookBroken(HookID)
    case hookWorks(HookID)
    /// A refused batch is bisected to find the entry that the room refuses.
    case bisecting(QueueID, HookID, entries: Int)
    /// The room accepts other messages, but refuses this entry in every form.
    case rejected(QueueID, HookID, EntryID)
    /// These entries are older than the maximum age.
    case expired(QueueID, [EntryID])
    case deadLettered(QueueID, EntryID, DeadLetterReason, asked: [HookID])
    /// The room will be notified of this resolve, which was delivered to another room.
    case followUpWaits(HookID, FollowUp)
    case followedUp(HookID, [FollowUp])
    case followUpDropped(HookID, FollowUp)
}

/// One post of a queue's batch, for metrics and logs.
public struct Attempt: Sendable, Equatable {
    public var queue: QueueID
    public var hook: HookID
    public var form: Form
    public var part: Int
    public var entries: Int
    /// How often the batch's first entry has been posted, not counting notices.
    public var number: Int
    public var took: Interval
    public var result: PostResult
}
