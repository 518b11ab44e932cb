import DeliveryCore

/// The persistent rows and the persistent records of hooks.
struct Journal {
    /// By entry number, which starts at 1 and ascends over all queues.
    private(set) var queue = [0]
    private(set) var group: [UInt64] = [0]
    /// Whether rooms show the entry as resolved.
    private(set) var isResolved = [false]
    private(set) var nature = [Nature.normal]
    private(set) var acceptedAt = [0]
    private(set) var isPending = [false]
    private(set) var crashes: [UInt8] = [0]
    private var crashesAlone: [UInt8] = [0]
    private(set) var pendingCount = 0
    var failsUntil = 0

    private var rows: [[Int]]
    /// Per queue: the index of the first row that may be pending.
    private var heads: [Int]
    var hooks: [HookRecord]
    /// The machine's records before the last post of each hook.
    private var machineRecords: [HookRecord]
    /// The model's records at the same time.
    private var expectedRecords: [HookRecord]

    init(queues: Int, hooks: Int) {
        rows = Array(repeating: [], count: queues)
        heads = Array(repeating: 0, count: queues)
        self.hooks = (0..<hooks).map { HookRecord(hook: HookID($0)) }
        machineRecords = self.hooks
        expectedRecords = self.hooks
    }

    var count: Int { queue.count }

    mutating func append(queue: Int, group: UInt64, isResolved: Bool, nature: Nature, at now: Int) {
        rows[queue].append(self.queue.count)
        self.queue.append(queue)
        self.group.append(group)
        self.isResolved.append(isResolved || nature == .over)
        self.nature.append(nature)
        acceptedAt.append(now)
        isPending.append(true)
        crashes.append(0)
        crashesAlone.append(0)
        pendingCount += 1
    }

    func newest(_ queue: Int) -> EntryID? { rows[queue].last.map { EntryID(Int64($0)) } }

    /// The oldest pending entry.
    mutating func oldest(_ queue: Int) -> Int? {
        while heads[queue] < rows[queue].count, !isPending[rows[queue][heads[queue]]] { heads[queue] += 1 }
        return heads[queue] < rows[queue].count ? rows[queue][heads[queue]] : nil
    }

    func firstPending(_ queue: Int) -> Int? {
        rows[queue][heads[queue]...].first { isPending[$0] }
    }

    func all(_ queue: Int) -> [Int] { rows[queue] }

    mutating func page(_ queue: Int, after: EntryID, limit: Int) -> Page {
        _ = oldest(queue)
        var page = Page(entries: [], cursor: after, isLast: true)
        for row in rows[queue][heads[queue]...] where row > Int(after.rawValue) && isPending[row] {
            guard page.entries.count < limit else {
                page.isLast = false
                return page
            }
            page.entries.append(
                PendingEntry(
                    id: EntryID(Int64(row)), group: group[row], isResolved: reportsResolved(row),
                    crashes: crashes[row], crashesAlone: crashesAlone[row]))
            page.cursor = EntryID(Int64(row))
        }
        return page
    }

    /// Whether the row reports the group as resolved.
    private func reportsResolved(_ entry: Int) -> Bool { isResolved[entry] && nature[entry] != .over }

    /// Whether a composition at this time finds the entry expired or missing.
    func isExpired(_ entry: Int, at now: Int) -> Bool {
        switch nature[entry] {
        case .vanished: true
        case .expiring:
            !isResolved[entry] && now - acceptedAt[entry] >= 10_000
                && rows[queue[entry]].contains { $0 > entry && group[$0] == group[entry] && reportsResolved($0) }
        default: false
        }
    }

    mutating func settle(_ entry: Int) {
        guard isPending[entry] else { return }
        isPending[entry] = false
        pendingCount -= 1
    }

    /// - Parameter isOnly: whether nothing else was being composed.
    mutating func countCrash(of ids: [EntryID], isOnly: Bool) {
        for id in ids {
            let entry = Int(id.rawValue)
            crashes[entry] = min(crashes[entry] + 1, 200)
            if isOnly, ids.count == 1 { crashesAlone[entry] = min(crashesAlone[entry] + 1, 200) }
        }
    }

    // MARK: Records of posts

    mutating func postBegins(_ hook: Int, queue: Int, through: Int, form: Form, at now: Instant) {
        hooks[hook].posts.append(now)
        if hooks[hook].posts.count > 24 { hooks[hook].posts.removeFirst() }
        hooks[hook].unfinished = HookRecord.Unfinished(
            queue: QueueID(queue), through: EntryID(Int64(through)), form: form, until: now + .seconds(11))
    }

    mutating func postEnded(
        _ hook: Int, reachedServer: Bool, pausedUntil: Instant?, failingSince: Instant?, at now: Instant
    ) {
        hooks[hook].posts.removeLast()
        if reachedServer { hooks[hook].posts.append(now) }
        hooks[hook].unfinished = nil
        hooks[hook].pausedUntil = pausedUntil ?? hooks[hook].pausedUntil
        hooks[hook].failingSince = failingSince
    }

    func records(at now: Instant) -> [HookRecord] {
        hooks.map { record in
            var record = record
            // An unfinished post may have arrived until then.
            if let until = record.unfinished?.until, !record.posts.isEmpty {
                record.posts[record.posts.count - 1] = min(until, now)
            }
            return record
        }
    }

    mutating func store(_ record: HookRecord, expected: HookRecord) {
        machineRecords[record.hook.index] = record
        expectedRecords[record.hook.index] = expected
    }

    /// The records at a restart. Posts of the previous process cannot arrive after it.
    func storedRecords(at now: Instant) -> (machine: [HookRecord], expected: [HookRecord]) {
        func ended(_ record: HookRecord) -> HookRecord {
            var record = record
            record.unfinished?.until = now
            return record
        }
        return (machineRecords.map(ended), expectedRecords.map(ended))
    }
}
