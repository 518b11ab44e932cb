import DeliveryCore

/// One simulation: the replicas' machines, a journal, rooms behind hooks that fail, and a virtual clock that advances
/// from event to event. The first violation ends it.
public final class World {
    /// A scheduled event. Those of replicas contain the incarnation, so that a crash voids them.
    enum ScheduledEvent {
        case input(Int)
        case timer(replica: Int, generation: Int)
        case loaded(replica: Int, incarnation: Int, queue: Int)
        case composed(replica: Int, incarnation: Int, queue: Int)
        case arrived(post: Int)
        case ended(post: Int)
        case commit(replica: Int, incarnation: Int)
        case notice(queue: Int)
        case faultEnd(hook: Int, number: Int)
        case start(replica: Int)
        case beat
        case tick
    }

    struct Violation: Error {
        var kind: String
        var detail: String
    }

    public struct Statistics: Sendable {
        public init() {}

        public var schedules = 0
        public var events = 0
        public var posts = 0
        public var folds = 0
        public var smallerForms = 0
        public var rerouted = 0
        public var crashes = 0
        public var notices = 0
        public var followUps = 0
        public var bisections = 0
        public var takeovers = 0
        public var deadLetters = 0
        public var expired = 0
        public var pauses = 0
        public var records = 0
    }

    let scenario: Scenario
    var topology: Topology
    var random: WorldRandom
    var now = 0
    var agenda = Heap<ScheduledEvent>()
    var journal: Journal
    var servers: [Server]
    var replicas: [Replica]
    var posts: [Post] = []
    var model: Model
    var audit: Audit
    /// The replica that may post, and the lease's number.
    var holder: Int?
    var lease = 0
    var lastBeat = 0
    public var statistics = Statistics()
    /// The recorded events and actions; nil if they are not recorded.
    var trace: [String]?

    init(_ scenario: Scenario, isTraced: Bool = false) {
        self.scenario = scenario
        var random = WorldRandom(seed: scenario.seed)
        topology = Topology(
            limits: scenario.hooks.map {
                $0.posts > 0 ? PostLimit(posts: $0.posts, per: .milliseconds(Int64($0.window))) : nil
            },
            queues: scenario.queues.map {
                QueuePlan(
                    urgency: $0.urgency, routes: $0.routes.map { HookID($0) },
                    failoverDelay: .milliseconds(Int64($0.failoverDelay)))
            })
        journal = Journal(queues: scenario.queues.count, hooks: scenario.hooks.count)
        servers = scenario.hooks.map { Server($0, phase: random.below(max($0.window, 1))) }
        self.random = random
        replicas = (0..<max(1, scenario.replicas)).map { _ in Replica(queues: scenario.queues.count) }
        model = Model(topology)
        audit = Audit(queues: scenario.queues.count, hooks: scenario.hooks.count)
        if isTraced { trace = [] }
    }

    var usesMachineRecords: Bool { scenario.usesMachineRecords && replicas.count == 1 }
    var instant: Instant { Instant(nanoseconds: Int64(now) * 1_000_000) }

    func note(_ line: @autoclosure () -> String) {
        if trace != nil { trace?.append("\(now) \(line())") }
    }

    func plan(_ event: ScheduledEvent, after wait: Int) { agenda.push(event, at: now + wait) }

    // MARK: - The run

    /// The end of all inputs and faults. After it everything works, and the run must reach a final state.
    private var horizon: Int {
        scenario.inputs.reduce(0) { max($0, $1.at + ($1.kind == .fault ? $1.c : $1.kind == .accept ? 0 : $1.a)) }
    }

    func run() throws(Violation) {
        for index in scenario.inputs.indices { agenda.push(.input(index), at: scenario.inputs[index].at) }
        for replica in replicas.indices { try start(replica) }
        if replicas.count > 1 { plan(.beat, after: 1_000) }
        plan(.tick, after: 30_000)
        let horizon = horizon
        while let time = agenda.nextTime {
            now = time
            guard let event = agenda.pop() else { break }
            statistics.events += 1
            try handle(event)
            if now > horizon, journal.pendingCount == 0, isQuiet { break }
            if statistics.events > 200_000 { throw Violation(kind: "endless", detail: "200,000 events") }
        }
        try checkFinalState()
    }

    /// No pending operation can change a room.
    private var isQuiet: Bool {
        replicas.allSatisfy { $0.operations == 0 && $0.settlements.isEmpty } && posts.allSatisfy { $0.isOver }
            && (holder.flatMap { replicas[$0].machine?.footprint.followUps } ?? 0) == 0
    }

    private func handle(_ event: ScheduledEvent) throws(Violation) {
        switch event {
        case .input(let index): try process(scenario.inputs[index])
        case .timer(let replica, let generation):
            guard replicas[replica].timerGeneration == generation, replicas[replica].machine != nil else { return }
            if postpone(event, replica) { return }
            replicas[replica].timerAt = nil
            try apply(.timer, to: replica)
        case .loaded(let replica, let incarnation, let queue):
            guard replicas[replica].incarnation == incarnation, !postpone(event, replica) else { return }
            replicas[replica].operations -= 1
            try loaded(replica, queue)
        case .composed(let replica, let incarnation, let queue):
            guard replicas[replica].incarnation == incarnation, !postpone(event, replica) else { return }
            replicas[replica].operations -= 1
            try composed(replica, queue)
        case .arrived(let post): try arrived(post)
        case .ended(let post):
            let replica = posts[post].replica
            if !posts[post].isAnswered, posts[post].hasLeft { audit.inFlight[posts[post].hook] -= 1 }
            posts[post].isAnswered = true
            guard replicas[replica].incarnation == posts[post].incarnation else { return posts[post].isOver = true }
            if postpone(event, replica) { return }
            try paused(posts[post])
            replicas[replica].operations -= 1
            try ended(post)
        case .commit(let replica, let incarnation):
            guard replicas[replica].incarnation == incarnation, !postpone(event, replica) else { return }
            try commit(replica)
        case .notice(let queue): try notice(queue)
        case .faultEnd(let hook, let number): if servers[hook].faultNumber == number { servers[hook].fault = .none }
        case .start(let replica): try start(replica)
        case .beat: try beat()
        case .tick: try tick()
        }
    }

    /// Postpones an event to the end of the replica's freeze. Returns false if it is not frozen.
    private func postpone(_ event: ScheduledEvent, _ replica: Int) -> Bool {
        guard replicas[replica].frozenUntil > now else { return false }
        agenda.push(event, at: replicas[replica].frozenUntil)
        return true
    }

    private func tick() throws(Violation) {
        try checkWaiting()
        if let holder, let footprint = replicas[holder].machine?.footprint {
            // A queue keeps the rows of a batch until its turn ends.
            let rows = replicas[holder].operations > 0 ? settings.foldLimit + settings.window : settings.window
            if footprint.rows > rows || footprint.groups > settings.groups || footprint.followUps > settings.followUps {
                throw Violation(kind: "memory", detail: "\(footprint)")
            }
        }
        plan(.tick, after: 30_000)
    }

    var settings: Settings {
        var settings = Settings()
        settings.window = scenario.window
        settings.foldLimit = 60
        settings.groups = 400
        settings.followUps = 256
        return settings
    }
}
