import DeliveryCore

/// The checks' record of a schedule.
struct Audit {
    /// Per hook and entry: how often its first part was shown.
    var copies: [[UInt8]]
    /// Per hook and entry: the parts that were shown.
    var shownParts: [[UInt8]]
    /// Per hook: the copies that are allowed after lost responses or crashes; 1 by default.
    var allowed: [[Int: Int]]
    /// Per entry: the hooks to which it was posted.
    var asked: [UInt32] = [0]
    /// Per entry: the hooks that show all of it.
    var completeIn: [UInt32] = [0]
    var settled: [Bool] = [false]
    var isDead: [Bool] = [false]
    /// Per hook: the messages that its room shows of each group.
    var rooms: [[Key: Shown]]
    var arrivals: [[Int]]
    /// Per hook: requests in flight.
    var inFlight: [Int]

    struct Key: Hashable {
        var queue: Int
        var group: UInt64
    }

    struct Shown {
        var newest: Int
        var newestAt: Int
        var last: Int
        var lastAt: Int
        var isFollowUp = false
    }

    struct Queue {
        /// When its last operation ended.
        var freeSince = 0
        /// When its last post ended or its tenure began.
        var waitingSince = 0
        var overtaken = 0
        /// Since its last post, another post was sent to one of its hooks.
        var mayBeOvertaken = false
        /// The head entry and the hooks that rejected it.
        var rejected: (entry: Int, hooks: UInt32) = (0, 0)
        var isPosting = false
        /// The newest entry that was announced to the machine.
        var newestKnown = 0
        /// A batch of which only some parts are in a room.
        var partial: (hook: Int, entries: [Int])?
        var readFailedAt = 0
        /// By hook: the entry that it rejected, and the hook's epoch at that time.
        var verdicts: [Int: (entry: Int, epoch: Int)] = [:]
        /// How often the machine posted the first entry since it loaded it.
        var attempts: (entry: Int, count: Int) = (0, 0)
        /// No operation starts before then, after a failed journal read or a post without permit.
        var pausedUntil = 0

        mutating func countAttempt(of post: Post) {
            guard post.form != .notice, let first = post.entries.first else { return }
            attempts = (first, attempts.entry == first ? attempts.count + 1 : 1)
        }

        mutating func dropRows() {
            verdicts = [:]
            attempts = (0, 0)
        }
    }

    var queues: [Queue]
    /// Per queue and hook: the entries of a post that may have been delivered.
    var maybe: [[[Int]]]
    var maybeForms: [[Form]]
    /// Per hook: when it began to accept messages, possibly in the future.
    var healthySince: [Int?]
    /// When the room memory was last lost.
    var memoryLostAt = -1
    var disturbedUntil = 0
    var reloadedAt = -100_000
    var specials = 0
    /// A composition may omit entries, so that later ones are posted first.
    var mayOmitEntries = false
    /// Per hook: when a composition for it last ended.
    var composedAt: [Int]
    /// Entries whose notice is in a room.
    var noticed: Set<Int> = []
    /// Groups whose follow-up was dropped at the limit.
    var followUpsDropped: Set<Key> = []
    /// Entries that were settled as expired.
    var expired: Set<Int> = []
    /// Groups whose last state may not be delivered.
    var deadGroups: Set<Key> = []
    /// Per hook: the resolves that were announced as follow-ups.
    var announced: [Set<EntryID>]
    /// Per hook: the last time that it refused all messages.
    var refusedAllAt: [Int]

    init(queues: Int, hooks: Int) {
        copies = Array(repeating: [0], count: hooks)
        shownParts = copies
        allowed = Array(repeating: [:], count: hooks)
        rooms = Array(repeating: [:], count: hooks)
        announced = Array(repeating: [], count: hooks)
        arrivals = Array(repeating: [], count: hooks)
        composedAt = Array(repeating: 0, count: hooks)
        inFlight = Array(repeating: 0, count: hooks)
        maybeForms = Array(repeating: Array(repeating: .full, count: hooks), count: queues)
        maybe = Array(repeating: Array(repeating: [], count: hooks), count: queues)
        self.queues = Array(repeating: Queue(), count: queues)
        healthySince = Array(repeating: 0, count: hooks)
        refusedAllAt = Array(repeating: -1_000_000, count: hooks)
    }

    mutating func append() {
        for hook in copies.indices {
            copies[hook].append(0)
            shownParts[hook].append(0)
        }
        asked.append(0)
        completeIn.append(0)
        settled.append(false)
        isDead.append(false)
    }

    mutating func memoryLost(at now: Int, lease: Int) {
        memoryLostAt = now
        disturbedUntil = max(disturbedUntil, now)
        for queue in queues.indices {
            if let partial = queues[queue].partial {
                for entry in partial.entries { allowed[partial.hook][entry, default: 1] += 1 }
            }
            queues[queue].partial = nil
            queues[queue].overtaken = 0
            queues[queue].isPosting = false
            for hook in maybe[queue].indices { maybe[queue][hook] = [] }
            queues[queue].rejected = (0, 0)
            queues[queue].dropRows()
            queues[queue].freeSince = now
            queues[queue].waitingSince = now
            queues[queue].mayBeOvertaken = true
            queues[queue].pausedUntil = 0
        }
    }

    mutating func disturbed(_ kind: InputKind, at now: Int, length: Int) {
        switch kind {
        case .accept, .fault: break
        case .reload: disturbedUntil = max(disturbedUntil, now)
        default: disturbedUntil = max(disturbedUntil, now + length + 15_000)
        }
    }

    mutating func faultChanges(_ hook: Int, isHarmless: Bool, at now: Int, until end: Int) {
        healthySince[hook] = isHarmless ? now : end
        refusedAllAt[hook] = end
    }

    mutating func noteCommit(_ queue: Int, _ newest: EntryID, at now: Int) {
        queues[queue].newestKnown = max(queues[queue].newestKnown, Int(newest.rawValue))
    }

    mutating func noteEnd(_ post: Post, at now: Int, _ journal: Journal) {
        queues[post.queue].isPosting = false
        queues[post.queue].freeSince = now
        queues[post.queue].waitingSince = now
        noteMaybe(post)
        switch post.result {
        case .notSent: queues[post.queue].pausedUntil = now + 1_000
        case .delivered where post.form != .notice:
            let isWhole = post.part + 1 >= post.parts
            queues[post.queue].partial = isWhole ? nil : (post.hook, post.entries)
        default: break
        }
    }

    /// Rule 7: a refusal in the same form clears the mark. A delivery takes its entries out of it; after crashes a post may
    /// carry only a part of what an earlier one may have shown.
    private mutating func noteMaybe(_ post: Post) {
        guard post.form != .notice else { return }
        let others = maybe[post.queue][post.hook].filter { !post.entries.contains($0) }
        switch post.result {
        case .failed(maybeDelivered: true, _):
            maybe[post.queue][post.hook] = post.entries + others
            maybeForms[post.queue][post.hook] = post.form
        case .refused
        where post.part == 0 && (post.form == maybeForms[post.queue][post.hook] || post.form == .plain):
            maybe[post.queue][post.hook] = []
        case .delivered:
            let isPartial = post.part + 1 < post.parts && !post.isCopy
            maybe[post.queue][post.hook] = isPartial ? post.entries + others : others
        default: break
        }
    }
}
