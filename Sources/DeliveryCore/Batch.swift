/// A queue's first entries in delivery to one hook. A batch is made just before it is posted and dropped if the post
/// fails, so that a retry includes newer entries.
struct Batch: Sendable {
    let entries: [PendingEntry]
    let hook: HookID
    let form: Form
    var parts = 0
    /// How many of the last parts are copies in a thread.
    var copies = 0
    var nextPart = 0
    var isComposed = false
    /// When the current post started.
    var postedAt = Instant.distantPast
    /// An earlier post of these entries may have been delivered.
    var wasMarked = false

    /// Some parts were delivered; a new batch would repeat them.
    var hasBegun: Bool { nextPart > 0 }
    var isThreadCopy: Bool { nextPart >= parts - copies }
}

/// The search for a form that a room accepts and for the entry that it refuses.
///
///     full ─too large→ reduced → plain;  full ─other→ plain
///     plain, several entries → the first half; the search continues in the refused half
///     plain, one entry → notice: delivered → plain again, refused → rejected;  notice refused → the hook is broken
struct Search: Sendable {
    enum Step: Sendable {
        case advance(Search)
        /// The room accepts other messages, but not this entry.
        case rejected
        /// The room accepts no messages.
        case hookBroken
    }

    let hook: HookID
    /// `HookHealth.setbacks` when the search began.
    var setbacks: UInt32
    var form: Form
    /// The number of the queue's first entries that include the refused one.
    var range: Int
    /// The number of entries in the next batch.
    var size: Int
    /// The room accepted the notice about the entry.
    var isNoticed = false

    /// The next step after a refusal of this batch.
    static func step(after batch: Batch, _ fix: Fix?, isNoticed: Bool, setbacks: UInt32) -> Step {
        let count = batch.entries.count
        var next = Search(hook: batch.hook, setbacks: setbacks, form: .plain, range: count, size: count)
        next.isNoticed = isNoticed
        switch batch.form {
        case .full where fix == .smaller: next.form = .reduced
        case .full, .reduced: next.form = .plain
        case .plain where count > 1: next.size = count / 2
        case .plain:
            if isNoticed { return .rejected }
            next.form = .notice
        case .notice: return .hookBroken
        }
        return .advance(next)
    }

    /// The search after a delivery; nil if it is complete.
    func afterDelivery(of batch: Batch) -> Search? {
        var next = self
        if batch.form == .notice {
            next.form = .plain
            next.isNoticed = true
            return next
        }
        return next.without(batch.entries.count)
    }

    /// The search after `count` entries were removed from the front of the range; nil if none remain.
    func without(_ count: Int) -> Search? {
        var next = self
        next.range -= count
        next.size = max(1, next.range / 2)
        next.isNoticed = false
        return next.range > 0 ? next : nil
    }
}

/// The result of posting a queue's first entry to a hook: a rejection or a failure.
struct Verdict: Sendable {
    let hook: HookID
    /// `HookHealth.epoch` at that time.
    let epoch: UInt32
    /// The room rejected the entry but accepts other messages; false if the attempt failed.
    let isRejection: Bool
}

/// Marks entries that may have been delivered to a room: all up to `through`. Until that is certain, the next attempt
/// there carries exactly these entries. With fewer, the room could end on an older state than it showed before.
struct Mark: Sendable {
    let hook: HookID
    var through: EntryID
    var form: Form
}
