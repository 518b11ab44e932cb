import Libevent
import Logging

/// The outbound queues of all severities: makes them of the configuration, and changes them when it changes.
@LoopActor
final class OutboundQueues {
    /// What the queues have in common whatever the configuration says.
    struct Base: Sendable {
        var journal: any OutboundJournal
        var metrics: Metrics
        var logger: Logger
        var abort: DeliveryAbort
    }

    let all: [OutboundQueue]
    private let base: Base
    /// A hook keeps its gate for the life of the process: what was posted counts against its budget through a reload.
    private var gates: [HookURL: HookGate]

    init(_ configuration: RelayConfiguration, base: Base) {
        var gates: [HookURL: HookGate] = [:]
        all = Severity.allCases.map { severity in
            OutboundQueue(severity: severity, services: Self.services(severity, configuration, base, &gates))
        }
        self.base = base
        self.gates = gates
    }

    func reconfigure(_ configuration: RelayConfiguration) {
        for queue in all {
            queue.reconfigure(Self.services(queue.severity, configuration, base, &gates))
        }
    }

    private static func services(
        _ severity: Severity, _ configuration: RelayConfiguration, _ base: Base, _ gates: inout [HookURL: HookGate]
    ) -> OutboundQueue.Services {
        let hook = configuration.hook(for: severity)
        let fallback = configuration.hooks[.fallback].flatMap { $0 == hook ? nil : $0 }
        return OutboundQueue.Services(
            own: route(hook, configuration, base, &gates),
            fallback: fallback.map { route($0, configuration, base, &gates) },
            journal: base.journal, patience: configuration.fallbackAfter[severity] ?? .seconds(300),
            maxAge: configuration.maxAge, usesThreads: configuration.usesThreads, metrics: base.metrics,
            logger: base.logger)
    }

    private static func route(
        _ hook: HookURL, _ configuration: RelayConfiguration, _ base: Base, _ gates: inout [HookURL: HookGate]
    ) -> OutboundRoute {
        let limits = configuration.rateLimit.map { [$0, $0.spread] } ?? []
        let gate = gates[hook] ?? HookGate(limiter: PostLimiter(limits: limits))
        gate.keep(to: limits)
        gates[hook] = gate
        let (settings, abort) = (configuration.delivererSettings, base.abort)
        return OutboundRoute(
            hook: hook, gate: gate,
            renderer: MessageRenderer(settings: configuration.renderSettings),
            makeDeliverer: { CurlDeliverer(hook: hook, settings: settings, abort: abort) })
    }
}
