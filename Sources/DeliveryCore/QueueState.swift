/// One queue: its loaded rows and its current work.
struct QueueState: Sendable {
    enum Work: Sendable, Equatable {
        case idle
        /// Loads rows for a batch while it holds the hook's turn.
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
        /// A load is in progress. `newest` is the value at its start: the last page covers all rows up to it. It reads
        /// after all loaded rows and never during a post, so that no settlement contradicts its page.
        case underWay(newest: EntryID)
        /// The cursor has changed since the load started, so its page must be ignored.
        case void
    }

    var plan: QueuePlan
    var work = Work.idle
    /// In ascending order; none is settled.
    private(set) var entries: [PendingEntry] = []
    var batch: Batch?
    var search: Search?
    var rooms = RoomMemory()
    var marks: [Mark] = []
    /// Verdicts on the first entry. Used only once one of them is a rejection.
    var verdicts: [Verdict] = []
    /// How often the first entry was posted.
    var attempts = 0
    /// The start of the wait: the last post, or the arrival of an entry; nil if there is no entry.
    var waitingSince: Instant?
    /// A less urgent queue has posted since this queue's last post.
    var wasOvertaken = false
    /// The last reported route; nil for the first one.
    var reroutedTo: HookID?
    /// No rows are loaded or composed before then, because the journal failed.
    var pausedUntil = Instant.distantPast

    private var newest = EntryID.zero
    /// The number of reported commits after `cursor`.
    private var unread = 0
    /// Rows up to this one are in `entries` or settled.
    private(set) var cursor = EntryID.zero
    /// The journal may hold rows that this process did not commit.
    private var isRecovering = true
    private var load = Load.none

    init(plan: QueuePlan) { self.plan = plan }

    /// The journal may hold rows that are not in `entries`.
    var isBehind: Bool { isRecovering || newest > cursor }
    /// How many entries are pending, as far as commits were reported. Without a limit while rows of an earlier process
    /// are not loaded.
    var knownPending: Int { isRecovering ? .max : entries.count + unread }
    var isLoading: Bool { if case .none = load { false } else { true } }
    var isIdle: Bool { work == .idle }

    // MARK: Rows

    mutating func noteCommit(through id: EntryID, at now: Instant) {
        if id > max(newest, cursor) { unread += 1 }
        newest = max(newest, id)
        // The commit of a delivered row may be reported again.
        if waitingSince == nil, isBehind { waitingSince = now }
    }

    /// Starts a load and returns its position; nil if no load is needed or possible.
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
            // Its commit may be reported later.
            if entry.id <= newest { unread = max(0, unread - 1) }
        }
        cursor = max(cursor, page.cursor)
        if page.isLast {
            cursor = max(cursor, known)
            isRecovering = false
        }
        if !isBehind { unread = 0 }
        if waitingSince == nil, !entries.isEmpty { waitingSince = now }
        if entries.isEmpty, !isBehind { waitingSince = nil }
    }

    mutating func loadFailed(retryAt: Instant) {
        load = .none
        pausedUntil = max(pausedUntil, retryAt)
    }

    /// Drops the loaded rows, because another replica may have settled them.
    mutating func reload() {
        entries = []
        cursor = .zero
        isRecovering = true
        search = nil
        verdicts = []
        waitingSince = nil
        attempts = 0
        if isLoading { load = .void }
        // Keep a batch during its post: it must still be settled.
        if case .posting = work { return }
        batch = nil
    }

    /// Drops rows beyond the window.
    mutating func trim(to window: Int) {
        guard entries.count > window, let last = entries.last else { return }
        newest = max(newest, last.id)
        unread += entries.count - window
        entries.removeLast(entries.count - window)
        cursor = entries[window - 1].id
        if isLoading { load = .void }
    }

    /// Removes settled rows.
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

    // MARK: Marks and verdicts

    /// The mark at a hook; nil if there is none or all entries up to it are settled.
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
