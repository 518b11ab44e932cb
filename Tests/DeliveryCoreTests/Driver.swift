import DeliveryCore

/// Feeds events to a machine at times in milliseconds, and keeps its timer and facts.
struct Driver {
    private(set) var machine: DeliveryMachine
    private(set) var now = 0
    /// The machine's timer in milliseconds.
    private(set) var timer: Int?
    private(set) var facts: [Fact] = []

    /// - Parameter routes: of each queue; the first queue is the most urgent.
    init(routes: [[Int]], limit: PostLimit? = .rocketChat, failoverDelay: Int64 = 60, tenure: Tenure? = nil) {
        let hooks = (routes.flatMap { $0 }.max() ?? 0) + 1
        machine = DeliveryMachine(
            Topology(
                limits: Array(repeating: limit, count: hooks),
                queues: routes.enumerated().map { urgency, hooks in
                    QueuePlan(
                        urgency: urgency, routes: hooks.map { HookID($0) }, failoverDelay: .seconds(failoverDelay))
                }),
            seed: 1)
        _ = on(.tenureGained(tenure ?? Tenure(validUntil: .distantFuture)))
        for queue in routes.indices { _ = on(.loaded(QueueID(queue), Page(entries: [], cursor: .zero, isLast: true))) }
    }

    /// A relay whose group 9 fires in the first room. Then the hook breaks, and entry 2, the resolve, is composed for
    /// the second room.
    static func resolvingInTheSecondRoom() -> Driver {
        var relay = Driver(routes: [[0, 1]], limit: nil)
        _ = relay.accept(entry(1, group: 9), at: 1_000)
        _ = relay.post(.delivered)
        _ = relay.accept(entry(2, group: 9, resolved: true))
        _ = relay.post(.hookBroken)
        return relay
    }

    /// Applies an event. Returns the actions without facts and timers.
    mutating func on(_ event: Event, at time: Int? = nil) -> [Action] {
        now = time ?? now
        return machine.apply(event, at: Instant(nanoseconds: Int64(now) * 1_000_000)).filter { action in
            switch action {
            case .report(let fact): facts.append(fact)
            case .setTimer(let instant): timer = instant.map { Int(($0.nanoseconds + 999_999) / 1_000_000) }
            default: return true
            }
            return false
        }
    }

    /// Commits and loads entries.
    mutating func accept(_ entries: PendingEntry..., to queue: Int = 0, at time: Int? = nil) -> [Action] {
        accept(entries, to: queue, at: time)
    }

    mutating func accept(_ entries: [PendingEntry], to queue: Int = 0, at time: Int? = nil) -> [Action] {
        guard let last = entries.last?.id else { return [] }
        _ = on(.available(QueueID(queue), through: last), at: time)
        return on(.loaded(QueueID(queue), Page(entries: entries, cursor: last, isLast: true)))
    }

    mutating func composed(_ queue: Int = 0, parts: Int = 1, at time: Int? = nil) -> [Action] {
        on(.composed(QueueID(queue), parts: parts, copies: 0, unreadable: []), at: time)
    }

    /// Ends the post of this queue's composition.
    mutating func ended(_ result: PostResult, of queue: Int = 0, at time: Int? = nil) -> [Action] {
        on(.ended(QueueID(queue), result), at: time)
    }

    /// Renders the batch, posts it and ends the post at once.
    mutating func post(_ result: PostResult, of queue: Int = 0) -> [Action] {
        let posted = composed(queue)
        guard posted.contains(where: { if case .post = $0 { true } else { false } }) else { return posted }
        return ended(result, of: queue)
    }

    /// Advances the time to the timer and fires it.
    mutating func fireTimer() -> [Action] { on(.timer, at: timer ?? now) }
}

/// An entry. By default its group equals its ID.
func entry(_ id: Int64, group: UInt64? = nil, resolved: Bool = false, crashes: UInt8 = 0, alone: UInt8 = 0)
    -> PendingEntry
{
    PendingEntry(
        id: EntryID(id), group: group ?? UInt64(id), isResolved: resolved, crashes: crashes, crashesAlone: alone)
}

func compose(
    _ ids: [Int64], of queue: Int = 0, to hook: Int = 0, _ form: Form = .full, marks: Banner = [],
    thread: String? = nil
) -> Action {
    .compose(
        Composition(
            queue: QueueID(queue), hook: HookID(hook), ids: ids.map { EntryID($0) }, form: form, marks: marks,
            thread: thread))
}

func post(_ queue: Int = 0, to hook: Int = 0, part: Int = 0) -> Action {
    .post(QueueID(queue), HookID(hook), part: part)
}

func settle(_ ids: [Int64], of queue: Int = 0, _ settlement: Settlement = .delivered) -> Action {
    .settle(QueueID(queue), ids.map { EntryID($0) }, settlement)
}

extension PostResult {
    static let delivered = PostResult.delivered(messageID: nil)
    static let lost = PostResult.failed(maybeDelivered: true, reachedServer: true)
    static let down = PostResult.failed(maybeDelivered: false, reachedServer: false)
}

extension PostLimit {
    /// Rocket.Chat's default limit per URL.
    static let rocketChat = PostLimit(posts: 10, per: .seconds(60))
}
