import Alerts
import Dispatch
import Libevent
import Support

/// Serializes reloads: reads the configuration off the loop, one read at a time, and applies each result before the
/// next read starts, so that an older read cannot replace a newer one.
///
/// A request that arrives during a read may concern newer files, so it waits for another read. All requests that arrive
/// during one read share the next read.
@LoopActor
final class ReloadQueue<Plan: Sendable> {
    typealias Read = @Sendable () -> Result<Plan, ConfigurationError>
    typealias Apply = @LoopActor @Sendable (Result<Plan, ConfigurationError>) -> Void
    /// Called on the loop with nil if the new configuration is applied, otherwise with its errors.
    typealias Completion = @LoopActor @Sendable (ConfigurationError?) -> Void

    private let read: Read
    private let apply: Apply
    private let queue = DispatchQueue(label: "reload")
    private var isReading = false
    private var waiting: [Completion] = []

    /// - Parameters:
    ///   - read: Called on the queue's own Dispatch queue; may block.
    ///   - apply: Called on the loop with each result, in the order of the reads.
    init(read: @escaping Read, apply: @escaping Apply) {
        self.read = read
        self.apply = apply
    }

    /// Reads the configuration again. Calls `done` exactly once.
    func request(then done: @escaping Completion) {
        waiting.append(done)
        if !isReading { run(read, apply) }
    }

    /// Runs `work` like a read and applies its result. Does nothing during a read, whose result would replace it.
    func runIfIdle(_ work: @escaping Read, apply: @escaping Apply) {
        if !isReading { run(work, apply) }
    }

    private func run(_ read: @escaping Read, _ apply: @escaping Apply) {
        let completions = waiting
        waiting = []
        isReading = true
        queue.async { @Sendable [self] in
            let result = read()
            LoopActor.post { [self] in
                apply(result)
                finish(result, completions)
            }
        }
    }

    private func finish(_ result: Result<Plan, ConfigurationError>, _ completions: [Completion]) {
        var error: ConfigurationError?
        if case .failure(let failure) = result { error = failure }
        for completion in completions { completion(error) }
        isReading = false
        if !waiting.isEmpty { run(read, apply) }
    }
}

/// The result of the last reload, and the time of the last successful one.
final class LastReload: Sendable {
    private let state = Locked((isSuccessful: true, succeededAt: Timestamp.now()))

    func succeeded(at now: Timestamp) {
        state.withLock { $0 = (true, now) }
    }

    func failed() {
        state.withLock { $0.isSuccessful = false }
    }

    func register(in metrics: Metrics) {
        metrics.register("relay_config_last_reload_successful", "Whether the last configuration reload succeeded.") {
            [state] in
            state.withLock { $0.isSuccessful } ? 1 : 0
        }
        metrics.register(
            "relay_config_last_reload_success_timestamp_seconds",
            "Unix time of the last successful configuration reload."
        ) { [state] in
            Double(state.withLock { $0.succeededAt.seconds })
        }
    }
}
