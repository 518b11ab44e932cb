import Libevent
import Logging

/// The outbound queues of all destinations: makes them of the configuration, and changes them when it changes.
@LoopActor
final class OutboundQueues {
    /// What the queues have in common whatever the configuration says.
    struct Base: Sendable {
        var journal: any OutboundJournal
        var metrics: Metrics
        var logger: Logger
        var abort: DeliveryAbort
    }

    /// What is configured, and the names of the receivers that the journal knows: those configured, and those for whom
    /// it still holds something.
    struct Plan {
        var configuration: RelayConfiguration
        var receivers: [ReceiverID: String]
    }

    private(set) var all: [OutboundQueue] = []
    private let base: Base
    /// A hook keeps its gate for the life of the process: what was posted counts against its budget through a reload.
    private var gates: [HookURL: HookGate] = [:]

    init(_ plan: Plan, base: Base) {
        self.base = base
        reconfigure(plan)
    }

    /// Changes the queues that there are. None ever goes: what is accepted for a receiver that is configured no more is
    /// posted to its severity's room.
    ///
    /// - Returns: those that are new, to be started once they can be found.
    @discardableResult
    func reconfigure(_ plan: Plan) -> [OutboundQueue] {
        limitGates(plan.configuration)
        for queue in all { queue.reconfigure(services(queue.destination, plan)) }
        let existing = Set(all.map(\.destination))
        let wanted = Destination.all(with: plan.receivers.keys)
        let new = wanted.filter { !existing.contains($0) }.sorted().map {
            OutboundQueue(destination: $0, services: services($0, plan))
        }
        all += new
        return new
    }

    private func services(_ destination: Destination, _ plan: Plan) -> OutboundQueue.Services {
        let configuration = plan.configuration
        let (name, severity) = (plan.receivers[destination.receiver], destination.severity)
        let receiver = configuration.receivers.first { $0.name == name }
        let tierHook = configuration.hook(for: severity)
        let hook = receiver?.hook ?? tierHook
        // A severity has the fallback's room to turn to; a receiver that, or else its severity's.
        let fallback = configuration.hooks[.fallback] ?? (receiver == nil ? nil : tierHook)
        return OutboundQueue.Services(
            receiver: name, own: route(hook, receiver?.posting ?? configuration.posting),
            fallback: fallback.flatMap { $0 == hook ? nil : route($0, configuration.posting) },
            journal: base.journal,
            patience: receiver?.fallbackAfter ?? configuration.fallbackAfter[severity] ?? .seconds(300),
            maxAge: configuration.maxAge, usesThreads: configuration.usesThreads, metrics: base.metrics,
            logger: base.logger)
    }

    private func route(_ hook: HookURL, _ posting: PostingSettings) -> OutboundRoute {
        let (settings, abort) = (posting.delivererSettings, base.abort)
        return OutboundRoute(
            hook: hook, gate: gate(hook), renderer: MessageRenderer(settings: posting.renderSettings),
            makeDeliverer: { CurlDeliverer(hook: hook, settings: settings, abort: abort) })
    }

    // MARK: Gates

    private func gate(_ hook: HookURL) -> HookGate {
        if let gate = gates[hook] { return gate }
        let gate = HookGate(limiter: PostLimiter(limits: []))
        gates[hook] = gate
        return gate
    }

    /// Rocket.Chat counts by hook, so a hook that is named with several limits keeps to all of them.
    private func limitGates(_ configuration: RelayConfiguration) {
        var limits: [HookURL: Set<PostLimit>] = [:]
        for hook in configuration.hooks.values { limits[hook, default: []].formUnion(configuration.posting.limits) }
        for receiver in configuration.receivers {
            if let hook = receiver.hook { limits[hook, default: []].formUnion(receiver.posting.limits) }
        }
        for (hook, limits) in limits { gate(hook).keep(to: Array(limits)) }
    }
}

extension PostingSettings {
    fileprivate var limits: [PostLimit] { rateLimit.map { [$0, $0.spread] } ?? [] }
}
