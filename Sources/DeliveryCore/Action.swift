/// What the shell must do. Actions are carried out in their order.
public enum Action: Sendable, Equatable {
    /// Read rows behind `after`, once waiting settlements are committed; answer with `loaded` or `loadFailed`.
    case load(QueueID, after: EntryID, limit: Int)
    /// Record the IDs as in composition, read the bodies, render; answer with `composed` or `composeFailed`.
    case compose(Composition)
    /// Get the permit and post one part of the queue's last composition; answer with `ended`.
    case post(QueueID, HookID, part: Int)
    /// Post one message "resolved while this room was unreachable"; answer with `followUpEnded`.
    case followUp(HookID, [FollowUp])
    case settle(QueueID, [EntryID], Settlement)
    /// Replaces the timer before; nil cancels it.
    case setTimer(Instant?)
    /// After `stop`: the last post has ended. Sent once.
    case stopped
    case report(Fact)
}

/// One message, or several parts, to be rendered.
public struct Composition: Sendable, Equatable {
    public var queue: QueueID
    public var hook: HookID
    public var ids: [EntryID]
    public var form: Form
    public var banner: Banner
    /// The message that reported the group as firing in this room; the resolve is copied into its thread.
    public var thread: String?

    public init(
        queue: QueueID, hook: HookID, ids: [EntryID], form: Form, banner: Banner, thread: String?
    ) {
        self.queue = queue
        self.hook = hook
        self.ids = ids
        self.form = form
        self.banner = banner
        self.thread = thread
    }
}

/// A resolved group that a room may still show as firing.
public struct FollowUp: Sendable, Hashable {
    public var queue: QueueID
    public var group: UInt64
    /// The entry that told of the resolve.
    public var id: EntryID
    /// How often the room refused to take this.
    var refusals: UInt8 = 0
}

/// How an entry leaves the journal.
public enum Settlement: Sendable, Hashable {
    case delivered
    /// Nobody needs to hear of it any more.
    case expired
    case dead(DeadLetterReason)
}

public enum DeadLetterReason: Sendable, Hashable, CaseIterable {
    /// A room that takes other messages refused it in every form, and every other route was asked.
    case refused
    /// The body is none that this version understands.
    case unreadable
    /// The process crashed over it again and again.
    case crashed
}

/// What the machine did or learned; logs and metrics are made from these alone.
public enum Fact: Sendable, Equatable {
    case posted(Attempt)
    /// Every part is in the room.
    case delivered(QueueID, HookID, [EntryID], Form)
    /// The queue's posts go to a route that is not its first.
    case failedOver(QueueID, to: HookID)
    case failedBack(QueueID, to: HookID)
    case hookThrottled(HookID)
    case hookFailing(HookID)
    case hookBroken(HookID)
    case hookWorks(HookID)
    /// A refused batch is halved until the guilty entry is alone.
    case bisecting(QueueID, HookID, entries: Int)
    /// The room takes other messages, but this entry in no form.
    case rejected(QueueID, HookID, EntryID)
    /// Nobody needs to hear of these any more.
    case expired(QueueID, [EntryID])
    case deadLettered(QueueID, EntryID, DeadLetterReason, asked: [HookID])
    /// The room is to hear of this resolve, which another room has.
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
    /// The batch's first entry was posted so often before.
    public var number: Int
    public var took: Interval
    public var result: PostResult
}
