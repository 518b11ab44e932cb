import Libevent

/// Whether the configuration in force is the one that was last read, and since when.
final class LastReload: Sendable {
    private let state = Locked((isSuccessful: true, succeededAt: Timestamp.now()))

    func succeeded(at now: Timestamp) {
        state.withLock { $0 = (true, now) }
    }

    func failed() {
        state.withLock { $0.isSuccessful = false }
    }

    func write(to text: inout MetricsText) {
        let (isSuccessful, succeededAt) = state.withLock { $0 }
        text.addGauge(
            "relay_config_last_reload_successful", "Whether the last reload was taken.", value: isSuccessful ? 1 : 0)
        text.addGauge(
            "relay_config_last_reload_success_timestamp_seconds", "When a configuration was last taken.",
            value: Double(succeededAt.seconds))
    }
}
