import DeliveryCore

/// One relay process.
struct Replica {
    var machine: DeliveryMachine?
    /// The number of its current process.
    var incarnation = 0
    /// The lease that it believes to hold.
    var lease = -1
    /// The end of the tenure according to its last event.
    var tenureEnd = Instant.distantPast
    var frozenUntil = 0
    var partitionedUntil = 0
    var timerAt: Int?
    var timerGeneration = 0
    /// Loads, compositions and posts in progress.
    var operations = 0
    var pages: [Page?]
    var compositions: [Composition?]
    /// By queue: whether a batch is being rendered.
    var isComposing: [Bool]
    var isLoading: [Bool]
    /// By queue: the parts of the rendered batch.
    var parts: [Int]
    /// Settlements that are not committed.
    var settlements: [(queue: Int, ids: [EntryID], settlement: Settlement)] = []
    var isCommitPlanned = false
    var isStopping = false
    var idleTimers = 0

    init(queues: Int) {
        pages = Array(repeating: nil, count: queues)
        compositions = Array(repeating: nil, count: queues)
        isComposing = Array(repeating: false, count: queues)
        isLoading = isComposing
        parts = Array(repeating: 0, count: queues)
    }

    mutating func die() {
        machine = nil
        incarnation += 1
        timerGeneration += 1
        timerAt = nil
        operations = 0
        settlements = []
        isCommitPlanned = false
        isStopping = false
        frozenUntil = 0
        lease = -1
        tenureEnd = .distantPast
        for queue in pages.indices {
            pages[queue] = nil
            compositions[queue] = nil
            isComposing[queue] = false
            isLoading[queue] = false
        }
    }
}

extension World {
    // MARK: - Processes

    func start(_ replica: Int) throws(Violation) {
        guard replicas[replica].machine == nil else { return }
        note("replica \(replica) starts")
        replicas[replica].machine = DeliveryMachine(
            topology, settings: settings, seed: scenario.seed &+ UInt64(replicas[replica].incarnation))
        if holder == nil { try takeLease(replica) }
    }

    /// Makes the replica the one that posts.
    func takeLease(_ replica: Int) throws(Violation) {
        if lease > 0 { statistics.takeovers += 1 }
        lease += 1
        holder = replica
        lastBeat = now
        replicas[replica].lease = lease
        let handedOver = journal.records(at: instant)
        let (records, expected) =
            usesMachineRecords ? journal.storedRecords(at: instant) : (handedOver, handedOver)
        model.restore(expected, topology, at: now)
        audit.memoryLost(at: now, lease: lease)
        if usesMachineRecords { endPosts() }
        for post in posts where !post.isOver {
            allowAgain(post.entries, post.hook)
        }
        for record in expected {
            guard let unfinished = record.unfinished, unfinished.form != .notice else { continue }
            audit.maybeForms[unfinished.queue.index][record.hook.index] = unfinished.form
            audit.maybe[unfinished.queue.index][record.hook.index] = journal.all(unfinished.queue.index).filter {
                $0 <= Int(unfinished.through.rawValue) && journal.isPending[$0]
            }
        }
        for other in replicas.indices where other != replica { allowUncommitted(other) }
        let until = replicas.count > 1 ? Instant(nanoseconds: Int64(now + 5_000) * 1_000_000) : .distantFuture
        try apply(.tenureGained(Tenure(validUntil: until, hooks: records)), to: replica)
    }

    /// Ends all posts. Their process is dead, so that posts that have not arrived are lost.
    private func endPosts() {
        for index in posts.indices where !posts[index].isOver {
            if posts[index].hasLeft, !posts[index].isAnswered { audit.inFlight[posts[index].hook] -= 1 }
            posts[index].isAnswered = true
            posts[index].isOver = true
        }
    }

    /// Called every second if there are several replicas. The holder extends its lease, or another replica takes it.
    func beat() throws(Violation) {
        plan(.beat, after: 1_000)
        if let holder, replicas[holder].lease == lease, replicas[holder].frozenUntil <= now,
            replicas[holder].partitionedUntil <= now, !replicas[holder].isStopping
        {
            lastBeat = now
            return try apply(.tenureExtended(until: Instant(nanoseconds: Int64(now + 5_000) * 1_000_000)), to: holder)
        }
        guard holder == nil || now - lastBeat >= 5_000 else { return }
        let next = replicas.indices.first { other in
            other != holder && replicas[other].machine != nil && replicas[other].frozenUntil <= now
                && replicas[other].partitionedUntil <= now && !replicas[other].isStopping
        }
        guard let next else { return }
        if let old = holder, replicas[old].machine != nil, replicas[old].frozenUntil <= now,
            replicas[old].partitionedUntil <= now
        {
            try apply(.tenureLost, to: old)
        }
        note("replica \(next) takes the lease")
        try takeLease(next)
    }

    /// Kills the process. Counts the crash for the entries in composition; uncommitted settlements are lost.
    func crash(_ replica: Int, back: Int) {
        guard replicas[replica].machine != nil else { return }
        note("replica \(replica) crashes")
        statistics.crashes += 1
        let isOnly = replicas[replica].isComposing.count { $0 } == 1
        for queue in replicas[replica].compositions.indices where replicas[replica].isComposing[queue] {
            if let ids = replicas[replica].compositions[queue]?.ids { journal.countCrash(of: ids, isOnly: isOnly) }
        }
        allowUncommitted(replica)
        for post in posts.indices where posts[post].replica == replica && !posts[post].isOver {
            allowAgain(posts[post].entries, posts[post].hook)
        }
        if replica == holder { audit.memoryLost(at: now, lease: lease) }
        replicas[replica].die()
        if holder == replica, replicas.count == 1 { holder = nil }
        plan(.start(replica: replica), after: back)
    }

    func allowUncommitted(_ replica: Int) {
        for item in replicas[replica].settlements {
            for id in item.ids where journal.isPending[Int(id.rawValue)] { audit.settled[Int(id.rawValue)] = false }
            guard item.settlement == .delivered else { continue }
            for hook in servers.indices { allowAgain(item.ids.map { Int($0.rawValue) }, hook) }
        }
    }

    func allowAgain(_ entries: [Int], _ hook: Int) {
        for entry in entries { audit.allowed[hook][entry, default: 1] += 1 }
    }
}
