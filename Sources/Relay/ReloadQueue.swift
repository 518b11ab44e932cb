import Alerts
import Dispatch
import Journaling
import Libevent
import RocketChat
import SQLiteJournal
import Support

/// Serializes reloads: reads the configuration off the loop, one read at a time, and applies each result before the
/// next read starts, so that an older read cannot replace a newer one.
///
/// A request that arrives during a read may concern files changed since, so it waits for a read of its own. All
/// requests that arrive during one read share the next one: a storm of signals costs one read at a time.
@LoopActor
final class ReloadQueue<Plan: Sendable> {
    typealias Read = @Sendable () -> Result<Plan, ConfigurationError>
    typealias Apply = @LoopActor @Sendable (Result<Plan, ConfigurationError>) -> Void
    /// Called on the loop with nil once the new configuration is in force, or with its problems.
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

    /// Runs `work` as reads are run, and applies its result, unless a read is under way: that one comes later and
    /// replaces what `work` would do.
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

/// Whether the configuration in force is the one that was last read, and since when.
final class LastReload: Sendable {
    private let state = Locked((isSuccessful: true, succeededAt: Timestamp.now()))

    func succeeded(at now: Timestamp) {
        state.withLock { $0 = (true, now) }
    }

    func failed() {
        state.withLock { $0.isSuccessful = false }
    }

    func register(in metrics: Metrics) {
        metrics.register("relay_config_last_reload_successful", "Whether the last reload was taken.") { [state] in
            state.withLock { $0.isSuccessful } ? 1 : 0
        }
        metrics.register(
            "relay_config_last_reload_success_timestamp_seconds", "When a configuration was last taken."
        ) { [state] in
            Double(state.withLock { $0.succeededAt.seconds })
        }
    }
}
