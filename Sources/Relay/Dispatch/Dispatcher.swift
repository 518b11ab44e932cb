import Alerts
import DeliveryCore
import Journaling
import Libevent
import Logging
import Posting
import Support

/// Owns the delivery machine and its timer: passes events to it and executes its actions.
///
/// Runs on the loop and never blocks. Queues work on Dispatch and call back.
@LoopActor
final class Dispatcher {
    private var map: DeliveryMap
    private var machine: DeliveryMachine
    private var queues: [OutboundQueue] = []
    /// The queues that have posted, so that they may have open connections.
    private var connected: Set<QueueID> = []
    private var followUps: [HookID: FollowUpQueue] = [:]
    private let services: OutboundQueue.Services
    private var audit: DeliveryAudit
    private let clock = MachineClock()
    private lazy var timer = MachineTimer(clock) { [unowned self] in apply(.timer) }
    /// Called when all work has ended.
    private var whenStopped: (@LoopActor () -> Void)?

    init(_ plan: OutboundPlan, services: OutboundQueue.Services, metrics: Metrics, logger: Logger) {
        map = DeliveryMap(plan)
        machine = DeliveryMachine(map.topology, seed: .random(in: 0...UInt64.max))
        self.services = services
        audit = DeliveryAudit(crashGuard: services.crashGuard, metrics: metrics, logger: logger)
        addQueues()
        metrics.register(
            "relay_circuit_state", "State of the primary hook: 0 working, 1 probing, 2 suspended."
        ) { [weak self] in
            self?.circuitStates ?? []
        }
    }

    // MARK: Events

    /// Starts delivery of the notifications in the journal.
    ///
    /// - Parameter hooks: the hook records of earlier processes.
    func start(_ hooks: [HookRow]) {
        let records = HookRecordRow.records(hooks, map, at: clock.reading())
        apply(.tenureGained(Tenure(validUntil: .distantFuture, hooks: records)))
    }

    /// Queues durable notifications. Only the journal creates `Journaled` values.
    func dispatch(_ notifications: [Journaled<Notification>]) {
        // By index, because a loop over the elements copies each notification.
        for index in notifications.indices {
            guard let queue = map.queue(notifications[index].value.destination) else {
                bug("the destination has no queue")
            }
            apply(.available(queue, through: EntryID(notifications[index].id)))
        }
    }

    /// Uses other hooks, receivers and settings from the next event on.
    func reconfigure(_ plan: OutboundPlan) {
        map.adopt(plan)
        addQueues()
        apply(.reconfigured(map.topology))
        closeUnusedConnections()
    }

    /// Closes the connections to hooks that the configuration no longer names. Nothing else would close them. Leaves out
    /// queues that have not posted: Dispatch starts a thread for each queue that has work.
    private func closeUnusedConnections() {
        for queue in connected {
            queues[queue.index].closeConnections(except: Set(map.settings[queue.index].routes.keys))
        }
        let hooks = Set(map.settings.flatMap(\.routes.keys))
        followUps = followUps.filter { hooks.contains($0.key) }
    }

    /// Starts no more posts. Calls back when posts in flight have ended and their outcomes are passed to the journal.
    func stop(then done: @escaping @LoopActor () -> Void) {
        whenStopped = done
        apply(.stop)
    }

    /// Whether the primary hook of each destination gets posts.
    var conditions: [(destination: Destination, condition: HookCondition)] { map.conditions(by: machine) }

    /// The state of each room.
    func rooms(_ journal: JournalSnapshot) -> [RoomStatus] {
        RoomStatus.rooms(machine, map, audit.results, journal, at: clock.reading())
    }

    /// Where each destination's messages go first.
    var routes: [Destination: QueueSettings.Route] { map.firstRoutes }

    /// The destinations whose own hook and next room both do not accept messages.
    var cutOff: [Destination] {
        map.destinations.filter { destination in map.queue(destination).map(machine.isCutOff) ?? false }
    }

    private var circuitStates: [Gauge.Sample] {
        zip(conditions, map.settings).map { condition, settings in
            let (destination, condition) = condition
            let state: Double =
                switch condition {
                case .working: 0
                case .probing: 1
                case .suspended: 2
                }
            return Gauge.Sample(labels: destination.labels(receiver: settings.receiver), value: state)
        }
    }

    private func addQueues() {
        for destination in map.destinations.dropFirst(queues.count) {
            queues.append(OutboundQueue(destination: destination, services: services))
        }
    }

    // MARK: Actions

    private func apply(_ event: Event) {
        let actions = machine.apply(event, at: clock.now())
        for action in actions { execute(action) }
        // Last, because the settlement of a dead letter reads its crash count.
        for case .settle(_, let ids, _) in actions {
            if let last = ids.last { services.crashGuard.settled(through: JournalID(last)) }
        }
    }

    /// Passes the result of a queue from its thread to the loop.
    private nonisolated func postEvent(_ event: @escaping @LoopActor @Sendable (Dispatcher) -> Void) {
        LoopActor.post { [weak self] in
            if let self { event(self) }
        }
    }

    private func execute(_ action: Action) {
        switch action {
        case .load(let queue, let after, let limit):
            queues[queue.index].load(after: after, limit: limit) { page in
                self.postEvent { $0.apply(page.map { .loaded(queue, $0) } ?? .loadFailed(queue)) }
            }
        case .compose(let composition):
            let queue = composition.queue
            queues[queue.index].compose(composition, map.settings[queue.index]) { manifest in
                self.postEvent { $0.composed(queue, manifest) }
            }
        case .post(let queue, let hook, let part): post(queue, hook, part)
        case .followUp(let hook, let waiting): post(waiting, to: hook)
        case .settle(let queue, let ids, let settlement):
            for group in audit.settled(ids, as: settlement, in: queue, map) {
                services.journal.settle(group.ids, as: group.settlement, history: group.record)
            }
        case .setTimer(let instant): timer.set(instant)
        case .stopped: whenStopped?()
        case .report(let fact): audit.note(fact, map)
        }
    }

    private func composed(_ queue: QueueID, _ manifest: Manifest?) {
        guard let manifest else { return apply(.composeFailed(queue)) }
        audit.note(manifest, of: queue)
        apply(manifest.event(of: queue))
    }

    private func post(_ queue: QueueID, _ hook: HookID, _ part: Int) {
        // The machine posts only to routes of the queue. Without a route nothing is sent.
        guard let route = map.settings[queue.index].routes[hook] else {
            return postEvent { $0.ended(queue, hook, .notSent) }
        }
        connected.insert(queue)
        let record = HookRecordRow.row(of: hook, machine, map, at: clock.reading())
        queues[queue.index].post(part: part, to: hook, route, record) { report in
            self.postEvent { $0.ended(queue, hook, report) }
        }
    }

    private func ended(_ queue: QueueID, _ hook: HookID, _ report: PostReport) {
        audit.note(report, of: queue)
        ended(hook, report, .ended(queue, report.result))
    }

    private func ended(_ hook: HookID, _ report: PostReport, _ end: Event) {
        if let pause = report.pause { apply(.paused(hook, Interval(pause))) }
        apply(end)
    }

    private func post(_ waiting: [FollowUp], to hook: HookID) {
        guard let route = map.settings.lazy.compactMap({ $0.routes[hook] }).first else {
            return postEvent { $0.apply(.followUpEnded(hook, .notSent)) }
        }
        let queue = followUps[hook] ?? FollowUpQueue(hook: hook, services: services)
        followUps[hook] = queue
        let body = route.target.followUp(
            audit.subjects(of: waiting, at: hook), count: waiting.count, channel: map.channel(of: waiting, at: hook))
        queue.post(body, to: route, HookRecordRow.row(of: hook, machine, map, at: clock.reading())) { report in
            self.postEvent { $0.ended(hook, report, .followUpEnded(hook, report.result)) }
        }
    }
}
