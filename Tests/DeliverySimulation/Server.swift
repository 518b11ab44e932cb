import DeliveryCore

/// Rocket.Chat behind one hook: its fixed-window limiter and its current fault.
struct Server {
    let posts: Int
    let window: Int
    let phase: Int
    var fault = Fault.none
    /// Counts faults, so that the end of an old one does not end a newer one.
    var faultNumber = 0
    /// When the last fault began.
    var changedAt = 0
    /// The end of the pause that a response requested.
    var pausedUntil = 0
    private var windowStart = Int.min
    private var count = 0

    init(_ hook: Scenario.Hook, phase: Int) {
        posts = hook.serverPosts
        window = hook.window
        self.phase = phase
    }

    /// Counts a request. Returns the wait if it exceeds the limit, else nil.
    mutating func count(at now: Int) -> Int? {
        guard posts > 0, window > 0 else { return nil }
        let start = now - (now + phase) % window
        if start != windowStart { (windowStart, count) = (start, 0) }
        count += 1
        return count > posts ? start + window - now : nil
    }
}

/// One request, of a batch or of follow-ups.
struct Post {
    var replica: Int
    var incarnation: Int
    var lease = 0
    /// -1: follow-ups.
    var queue: Int
    var hook: Int
    var entries: [Int] = []
    var form = Form.full
    var part = 0
    var parts = 1
    var isCopy = false
    var followUps: [FollowUp] = []
    var start: Int
    var result = PostResult.notSent
    /// The pause that the response requests, if any.
    var pause: Int?
    /// The permit was refused because another replica holds the lease.
    var isFenced = false
    /// The request was sent.
    var hasLeft = false
    /// The server has responded or never will: the request is not in flight any more.
    var isAnswered = false
    /// The replica has received the response or never will.
    var isOver = false
    var isModelled = false
}

extension World {
    // MARK: - From the replica

    func post(_ replica: Int, _ queue: Int, _ hook: Int, _ part: Int) throws(Violation) {
        guard let composition = replicas[replica].compositions[queue], composition.hook.index == hook else {
            throw Violation(kind: "post", detail: "without a composition for hook \(hook)")
        }
        let entries = composition.ids.map { Int($0.rawValue) }
        let copies = composition.thread != nil && replicas[replica].parts[queue] == 2 ? 1 : 0
        var post = Post(
            replica: replica, incarnation: replicas[replica].incarnation, queue: queue, hook: hook, entries: entries,
            form: composition.form, part: part, parts: replicas[replica].parts[queue],
            isCopy: part >= replicas[replica].parts[queue] - copies, start: now)
        audit.queues[queue].countAttempt(of: post)
        if part >= post.parts { throw Violation(kind: "post", detail: "part \(part) of \(post.parts)") }
        try send(&post)
        noteStatistics(post)
    }

    func postFollowUp(_ replica: Int, _ hook: Int, _ followUps: [FollowUp]) throws(Violation) {
        if followUps.isEmpty { throw Violation(kind: "follow-up", detail: "of nothing") }
        statistics.followUps += 1
        try checkAnnounced(followUps, hook)
        var post = Post(
            replica: replica, incarnation: replicas[replica].incarnation, queue: -1, hook: hook, followUps: followUps,
            start: now)
        try send(&post)
    }

    private func noteStatistics(_ post: Post) {
        statistics.posts += 1
        if post.entries.count > 1 { statistics.folds += 1 }
        if post.form == .notice { statistics.notices += 1 } else if post.form != .full { statistics.smallerForms += 1 }
        if HookID(post.hook) != topology.queues[post.queue].routes.first { statistics.rerouted += 1 }
    }

    /// Gets the permit, then sends the request.
    private func send(_ post: inout Post) throws(Violation) {
        replicas[post.replica].operations += 1
        post.lease = lease
        if instant >= replicas[post.replica].tenureEnd { throw fail("tenure", "a post after its end") }
        try commit(post.replica)
        if let refusal = refusesPermit(post) {
            note("    no permit: \(refusal)")
            post.isFenced = replicas[post.replica].lease != lease
            post.result = .notSent
            post.isModelled = post.replica == holder
            if post.isModelled { model.postBegins(post.hook, at: now) }
            posts.append(post)
            return plan(.ended(post: posts.count - 1), after: 3)
        }
        try checkPost(post)
        audit.inFlight[post.hook] += 1
        if post.queue >= 0 { audit.queues[post.queue].isPosting = true }
        if post.queue >= 0, let last = post.entries.last {
            journal.postBegins(post.hook, queue: post.queue, through: last, form: post.form, at: instant)
        } else {
            journal.postBegins(post.hook, queue: 0, through: 0, form: .notice, at: instant)
        }
        storeRecord(post)
        model.postBegins(post.hook, at: now)
        (post.hasLeft, post.isModelled) = (true, true)
        posts.append(post)
        let isSlow = servers[post.hook].fault == .slow
        plan(.arrived(post: posts.count - 1), after: isSlow ? random.within(2_000...9_000) : random.within(5...150))
    }

    /// Stores the machine's record of the hook, as the shell does before it sends a request.
    private func storeRecord(_ post: Post) {
        guard usesMachineRecords,
            let record = replicas[post.replica].machine?.record(of: HookID(post.hook), until: .distantFuture)
        else { return }
        var expected = model.record(of: post.hook, at: now)
        expected.unfinished = HookRecord.Unfinished(
            queue: QueueID(max(0, post.queue)), through: EntryID(Int64(post.entries.last ?? 0)),
            form: post.queue < 0 ? .notice : post.form, until: .distantFuture)
        statistics.records += 1
        journal.store(record, expected: expected)
    }

    private func refusesPermit(_ post: Post) -> String? {
        if replicas[post.replica].lease != lease { return "the lease is another's" }
        if replicas[post.replica].partitionedUntil > now { return "no journal" }
        if journal.failsUntil > now { return "the journal fails" }
        if post.queue >= 0, post.entries.contains(where: { !journal.isPending[$0] }) { return "not pending any more" }
        return nil
    }

    // MARK: - At the server

    func arrived(_ index: Int) throws(Violation) {
        let post = posts[index]
        if post.isOver { return }
        let (result, isShown, took) = answer(post)
        posts[index].result = result
        if servers[post.hook].fault.pauses {
            let longest = servers[post.hook].fault == .pausing ? 30_000 : random.pick([30_000, 90_000])
            let pause = random.within(200...longest)
            posts[index].pause = pause
            servers[post.hook].pausedUntil = now + pause
        }
        if isCounted(result) { try checkBudget(post.hook) }
        if isShown {
            note("    room \(post.hook) shows \(post.queue < 0 ? "follow-ups" : "\(post.entries) \(post.form)")")
            try show(post)
        }
        plan(.ended(post: index), after: took)
    }

    private func isCounted(_ result: PostResult) -> Bool {
        if case .failed(_, let reachedServer) = result { reachedServer } else { true }
    }

    /// The post's result, whether the room shows it, and the delay of the response.
    private func answer(_ post: Post) -> (PostResult, Bool, Int) {
        let quick = random.within(1...100)
        let late = post.start + 10_000 - now
        let hook = post.hook
        switch servers[hook].fault {
        case .connectionRefused: return (.failed(maybeDelivered: false, reachedServer: false), false, quick)
        case .timeoutLost: return (.failed(maybeDelivered: true, reachedServer: true), false, late)
        case .resetLost, .gatewayLost: return (.failed(maybeDelivered: true, reachedServer: true), false, quick)
        case .unavailable: return (.failed(maybeDelivered: false, reachedServer: true), false, quick)
        case .bareError: return (.suspicious, false, quick)
        case .disabled, .proxyPage: return (.hookBroken, false, quick)
        case .throttled: return (.throttled(.milliseconds(Int64(random.within(1_000...30_000)))), false, quick)
        case .failingWithPause:
            let results =
                [
                    .failed(maybeDelivered: false, reachedServer: true),
                    .failed(maybeDelivered: true, reachedServer: true),
                    .suspicious, .hookBroken, .refused(nil),
                    .throttled(.milliseconds(Int64(random.within(500...3_000)))),
                ] as [PostResult]
            // A fault has one cause, hence one result. A mark cannot know of a room that accepts a message and refuses
            // it later.
            let result = results[servers[hook].changedAt % results.count]
            let isShown = result == results[1] && refusal(post) == nil && random.happens(50)
            return (result, isShown, quick)
        case .flaky where random.happens(50):
            return (.failed(maybeDelivered: random.happens(50), reachedServer: true), false, quick)
        default: break
        }
        if now < servers[hook].pausedUntil {
            return (.throttled(.milliseconds(Int64(servers[hook].pausedUntil - now))), false, quick)
        }
        if let wait = servers[hook].count(at: now) {
            return (.throttled(.milliseconds(Int64(wait) + 1)), false, quick)
        }
        if let refusal = refusal(post) { return (refusal, false, quick) }
        switch servers[hook].fault {
        case .timeoutDelivered: return (.failed(maybeDelivered: true, reachedServer: true), true, late)
        case .resetDelivered, .gatewayDelivered, .truncatedAnswer:
            return (.failed(maybeDelivered: true, reachedServer: true), true, quick)
        default: return (.delivered(messageID: "m\(now)"), true, quick)
        }
    }

    private func refusal(_ post: Post) -> PostResult? {
        switch servers[post.hook].fault {
        case .refusesAll: return .refused(nil)
        case .flickering where (now / 4_000) % 2 == 0: return .refused(nil)
        case .refusesAllAsTooLarge: return .refused(.smaller)
        case .refusesAttachments where post.form == .full || post.form == .reduced: return .refused(.plainText)
        default: break
        }
        guard post.queue >= 0, post.form != .notice else { return nil }
        for entry in post.entries {
            let nature = journal.nature[entry]
            if nature.isRejected(by: post.hook) { return .refused(entry % 2 == 0 ? nil : .plainText) }
            switch (nature, post.form) {
            case (.plainOnly, .full), (.plainOnly, .reduced): return .refused(.plainText)
            case (.longPlainOnly, .full), (.longPlainOnly, .reduced):
                // Only the last part is refused.
                if post.part == post.parts - 1 { return .refused(.plainText) }
            case (.tooLarge, .full), (.hugeText, .full), (.hugeText, .reduced): return .refused(.smaller)
            default: break
            }
        }
        return nil
    }

    // MARK: - Back at the replica

    /// Reports a requested pause. The post's result follows at once.
    func paused(_ post: Post) throws(Violation) {
        guard let pause = post.pause else { return }
        statistics.pauses += 1
        if post.isModelled, post.lease == lease { model.paused(post.hook, pause, at: now) }
        try apply(.paused(HookID(post.hook), .milliseconds(Int64(pause))), to: post.replica)
    }

    func ended(_ index: Int) throws(Violation) {
        posts[index].isOver = true
        let post = posts[index]
        if post.isModelled, post.lease == lease { noteEnd(post) }
        if post.queue >= 0 {
            try apply(.ended(QueueID(post.queue), post.result), to: post.replica)
            if post.result == .notSent { audit.queues[post.queue].dropRows() }
        } else {
            try apply(.followUpEnded(HookID(post.hook), post.result), to: post.replica)
        }
        if post.isFenced, replicas[post.replica].lease != -1 { try apply(.tenureLost, to: post.replica) }
    }

    private func noteEnd(_ post: Post) {
        let isHarmlessRefusal = post.isCopy && isRefusal(post.result)
        let meansBroken = isRefusal(post.result) && (post.queue < 0 || post.form == .notice)
        model.postEnded(
            post.hook, isHarmlessRefusal ? .delivered(messageID: nil) : meansBroken ? .hookBroken : post.result,
            from: post.start, at: now, isCopy: isHarmlessRefusal)
        if post.result != .notSent {
            journal.postEnded(
                post.hook, reachedServer: isCounted(post.result), pausedUntil: model.pausedUntil(post.hook),
                failingSince: model.failingSince(post.hook), at: instant)
        }
        if case .failed(maybeDelivered: true, _) = post.result, post.form != .notice {
            allowAgain(post.entries, post.hook)
        }
        guard post.queue >= 0 else { return }
        audit.noteEnd(post, at: now, journal)
        // A partly delivered batch is repeated completely after a refusal or a missing permit.
        if post.part > 0, isRefusal(post.result) || post.result == .notSent { allowAgain(post.entries, post.hook) }
    }

    private func isRefusal(_ result: PostResult) -> Bool { if case .refused = result { true } else { false } }
}
