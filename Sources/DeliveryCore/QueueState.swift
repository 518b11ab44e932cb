/// One queue: the rows that it holds, and what it is doing.
struct QueueState: Sendable {
    enum Work: Sendable, Equatable {
        case idle
        /// Reads rows for a batch, with the hook's turn held.
        case gathering(HookID, since: Instant)
        case composing(HookID)
        case posting(HookID)

        var hook: HookID? {
            switch self {
            case .idle: nil
            case .gathering(let hook, _), .composing(let hook), .posting(let hook): hook
            }
        }
    }

    private enum Load: Sendable {
        case none
        /// `newest` at its beginning: an empty last page accounts for everything up to it. It reads behind all rows that
        /// are held, and none starts while a post is under way: no settlement contradicts its page.
        case underWay(newest: EntryID)
        /// The position was changed after its beginning.
        case void
    }

    var plan: QueuePlan
    var work = Work.idle
    /// Ascending; nothing of them is settled.
    private(set) var entries: [PendingEntry] = []
    var batch: Batch?
    var search: Search?
    var rooms = RoomMemory()
    var marks: [Mark] = []
    /// On the first entry. Only of interest once one of them is a rejection.
    var verdicts: [Verdict] = []
    /// How often the first entry was posted.
    var attempts = 0
    /// Since its last post, or since something waits; nil while nothing does.
    var waitingSince: Instant?
    /// A less urgent queue went before since this one's last post.
    var wasOvertaken = false
    /// The route in use that is not the first, as reported.
    var reroutedTo: HookID?
    /// The journal failed: nothing is read or composed before.
    var pausedUntil = Instant.distantPast

    private var newest = EntryID.zero
    /// Rows up to here are in `entries` or settled.
    private(set) var cursor = EntryID.zero
    /// The journal may hold rows that no commit of this process told of.
    private var isRecovering = true
    private var load = Load.none

    init(plan: QueuePlan) { self.plan = plan }

    /// The journal may hold rows that `entries` does not.
    var isBehind: Bool { isRecovering || newest > cursor }
    var isLoading: Bool { if case .none = load { false } else { true } }
    var isIdle: Bool { work == .idle }

    // MARK: Rows

    mutating func noteCommit(through id: EntryID, at now: Instant) {
        newest = max(newest, id)
        // What was delivered long ago may be told of again.
        if waitingSince == nil, isBehind { waitingSince = now }
    }

    /// Where to read on, if there is reason to.
    mutating func beginLoad(below window: Int, at now: Instant) -> EntryID? {
        guard isBehind, !isLoading, pausedUntil <= now, entries.count <= window / 2 else { return nil }
        load = .underWay(newest: newest)
        return cursor
    }

    mutating func accept(_ page: Page, at now: Instant) {
        guard case .underWay(let known) = load else { return load = .none }
        load = .none
        for entry in page.entries where entry.id > cursor {
            entries.append(entry)
            cursor = entry.id
        }
        cursor = max(cursor, page.cursor)
        if page.isLast {
            cursor = max(cursor, known)
            isRecovering = false
        }
        if waitingSince == nil, !entries.isEmpty { waitingSince = now }
        if entries.isEmpty, !isBehind { waitingSince = nil }
    }

    mutating func loadFailed(retryAt: Instant) {
        load = .none
        pausedUntil = max(pausedUntil, retryAt)
    }

    /// Forgets the rows: they may have been settled elsewhere.
    mutating func reload() {
        entries = []
        cursor = .zero
        isRecovering = true
        search = nil
        verdicts = []
        waitingSince = nil
        attempts = 0
        if isLoading { load = .void }
        // A batch whose post is under way still has to be settled.
        if case .posting = work { return }
        batch = nil
    }

    /// Keeps no more than a window of rows outside a turn.
    mutating func trim(to window: Int) {
        guard entries.count > window, let last = entries.last else { return }
        newest = max(newest, last.id)
        entries.removeLast(entries.count - window)
        cursor = entries[window - 1].id
        if isLoading { load = .void }
    }

    /// These are settled.
    mutating func remove(_ ids: [EntryID]) {
        guard let highest = ids.last else { return }
        let head = entries.first?.id
        if ids.count <= entries.count, entries[ids.count - 1].id == highest, head == ids.first {
            entries.removeFirst(ids.count)
        } else {
            let gone = Set(ids)
            entries.removeAll { gone.contains($0.id) }
        }
        guard entries.first?.id != head else { return }
        if entries.isEmpty, !isBehind { waitingSince = nil }
        verdicts = []
        attempts = 0
        if let first = entries.first?.id { marks.removeAll { $0.through < first } }
    }

    // MARK: What rooms are known to think

    /// nil once everything that the room may show is settled.
    func mark(at hook: HookID) -> Mark? {
        guard let first = entries.first?.id else { return nil }
        return marks.first { $0.hook == hook && $0.through >= first }
    }

    mutating func setMark(_ mark: Mark) {
        marks.removeAll { $0.hook == mark.hook }
        marks.append(mark)
    }

    mutating func removeMark(at hook: HookID) { marks.removeAll { $0.hook == hook } }

    mutating func note(_ verdict: Verdict) {
        verdicts.removeAll { $0.hook == verdict.hook }
        verdicts.append(verdict)
    }
}
