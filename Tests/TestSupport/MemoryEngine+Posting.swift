// Modules that are built for release cannot be imported with @testable.
#if DEBUG
    package import Alerts
    @testable package import Journaling
    import Support

    extension MemoryEngine: SharedJournalEngine {
        package func sight() throws(JournalStoreError) -> TenureSight {
            try database.transaction { database.tables.withLock { $0.lease } }
        }

        package func take(_ seen: TenureSight, as replica: String) throws(JournalStoreError) -> JournalTenure? {
            try write {
                database.tables.withLock { tables in
                    guard tables.lease == seen else { return nil }
                    tables.lease = TenureSight(epoch: seen.epoch + 1, beat: 0, holder: replica)
                    return JournalTenure(epoch: seen.epoch + 1, holder: replica)
                }
            }
        }

        package func keep(_ tenure: JournalTenure) throws(JournalStoreError) -> Bool {
            try write {
                database.tables.withLock { tables in
                    guard tables.isHeld(by: tenure) else { return false }
                    tables.lease.beat += 1
                    return true
                }
            }
        }

        package func release(_ tenure: JournalTenure) throws(JournalStoreError) {
            try write {
                database.tables.withLock { tables in
                    if tables.isHeld(by: tenure) { tables.lease.holder = nil }
                }
            }
        }

        package func hooks() throws(JournalStoreError) -> [HookKey: SharedHookRecord] {
            try database.transaction {
                let now = database.control.withLock { $0.now }
                return database.tables.withLock { $0.hooks }.mapValues { hook in
                    var record = SharedHookRecord(posts: hook.posts.map { now.since($0) })
                    record.pauseLeft = hook.pausedUntil.map { $0.since(now) }.flatMap { $0 > .zero ? $0 : nil }
                    record.failingFor = hook.failingSince.map { now.since($0) }
                    record.unfinished = hook.unfinished.map { post in
                        SharedHookRecord.Unfinished(through: post.through, form: post.form, age: now.since(post.since))
                    }
                    return record
                }
            }
        }

        package func exchange(
            _ posting: PostingDraft, under tenure: JournalTenure
        ) throws(JournalStoreError) -> PostingResult {
            let guards = database.guards
            return try write { () throws(JournalStoreError) in
                let shown = posting.settlements.filter(\.settlement.isFinal)
                try store.commit(JournalTransaction(settlements: shown, at: posting.at))
                let isHeld = database.tables.withLock { $0.isHeld(by: tenure) }
                guard isHeld || !guards.fence else { return .tenureLost }
                let dead = posting.settlements.filter { !$0.settlement.isFinal }
                try store.commit(JournalTransaction(settlements: dead, at: posting.at))
                let now = database.control.withLock { $0.now }
                let pending = database.disk.withLock { $0.pending }
                return database.tables.withLock { tables in
                    for end in posting.ends { tables.hooks[end.hook, default: .init()].end(end, at: now) }
                    var permitted: Set<HookKey> = []
                    for begin in posting.begins {
                        let isPending = begin.entries.allSatisfy { pending[$0] != nil }
                        guard isPending || !guards.pendingEntries else { continue }
                        permitted.insert(begin.hook)
                        guard guards.budget else { continue }
                        tables.hooks[begin.hook, default: .init()].begin(begin, at: now, kept: posting.postsKept)
                    }
                    return .permitted(permitted)
                }
            }
        }

        package func newest(
            behind known: [Destination: JournalID]
        ) throws(JournalStoreError) -> [Destination: JournalID] {
            try database.transaction {
                let newest = database.disk.withLock { disk in
                    Dictionary(disk.pending.keys.map { ($0.destination, $0) }, uniquingKeysWith: max)
                }
                return newest.filter { destination, id in known[destination].map { id > $0 } ?? true }
            }
        }
    }

    extension MemoryDatabase.Tables {
        fileprivate func isHeld(by tenure: JournalTenure) -> Bool {
            lease.epoch == tenure.epoch && lease.holder == tenure.holder
        }
    }

    extension MemoryDatabase.Hook {
        fileprivate mutating func begin(_ begin: PostingDraft.Begin, at now: Timestamp, kept: Int) {
            unfinished = (begin.through, begin.form, now)
            posts = (posts + [now]).suffix(kept)
        }

        fileprivate mutating func end(_ end: PostingDraft.End, at now: Timestamp) {
            if unfinished != nil, !posts.isEmpty {
                posts.removeLast()
                if end.isCounted { posts.append(now) }
            }
            unfinished = nil
            pausedUntil = end.pause.map { now.after($0) }
            failingSince = end.failingFor.map { now.after(.zero - $0) }
        }
    }
#endif
