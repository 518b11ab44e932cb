/// A queue's first entries on their way to one hook. It is made when it leaves and dissolves if it fails, so that a
/// retry says all that is known by then.
struct Batch: Sendable {
    let entries: [PendingEntry]
    let hook: HookID
    let form: Form
    var parts = 0
    /// The last parts that are copies in a thread.
    var copies = 0
    var nextPart = 0
    var isComposed = false
    /// When the post under way left.
    var postedAt = Instant.distantPast
    /// An earlier post of these entries may be in the room.
    var wasMarked = false

    /// Some of its parts are in the room: made anew, they would come twice.
    var hasBegun: Bool { nextPart > 0 }
    var isLastPart: Bool { nextPart + 1 >= parts }
    var isThreadCopy: Bool { nextPart >= parts - copies }
}

/// The search for a form that a room takes, and for the entry that it does not.
///
///     full ─too large→ reduced → plain;  full ─other→ plain
///     plain, several entries → the first half, and on in the half that is refused
///     plain, alone → notice: delivered → plain again, refused → rejected;  notice refused → the hook is broken
struct Search: Sendable {
    enum Step: Sendable {
        case goOn(Search)
        /// The room takes other messages, but not this entry.
        case rejected
        /// The room takes nothing.
        case hookBroken
    }

    let hook: HookID
    /// `HookHealth.setbacks` when it began.
    var setbacks: UInt32
    var form: Form
    /// The guilty entry is among so many of the queue's first.
    var range: Int
    /// The next batch carries so many of them.
    var size: Int
    /// The room took the notice about the entry.
    var isNoticed = false

    /// What to try after a refusal of this batch.
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
        return .goOn(next)
    }

    /// What to try after a delivery; nil when the search is over.
    func afterDelivery(of batch: Batch) -> Search? {
        var next = self
        if batch.form == .notice {
            next.form = .plain
            next.isNoticed = true
            return next
        }
        return next.without(batch.entries.count)
    }

    /// Entries left the range's beginning.
    func without(_ count: Int) -> Search? {
        var next = self
        next.range -= count
        next.size = max(1, next.range / 2)
        next.isNoticed = false
        return next.range > 0 ? next : nil
    }
}

/// A room that was asked for a queue's first entry, once another had rejected it.
struct Verdict: Sendable {
    let hook: HookID
    /// `HookHealth.epoch` at that time.
    let epoch: UInt32
    /// The room takes other messages; otherwise the attempt failed.
    let isRejection: Bool
}

/// A room may show a queue's entries up to one. Until it certainly does or does not, the next attempt there carries
/// exactly these: with fewer, the room could end on an older state than it showed.
struct Mark: Sendable {
    let hook: HookID
    var through: EntryID
    var form: Form
}
