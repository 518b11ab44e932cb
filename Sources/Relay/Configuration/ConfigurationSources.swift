/// Where the configuration comes from, so that it can be read again, and what of it lives outside the app.
struct ConfigurationSources: Sendable {
    /// Reads everything anew; touches files, so never on the loop.
    var read: @Sendable () throws(ConfigurationError) -> RelayConfiguration
    /// Puts into force what the app does not hold: the log's threshold.
    var apply: @Sendable (RelayConfiguration) -> Void
}
