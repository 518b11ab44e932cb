/// Which severity a label's value means.
struct SeverityMap: Sendable {
    private let tiers: [String: Severity]

    /// The words in use in public alert rules (`contracts/alertmanager.md`, "Severities").
    static let defaultAliases: [Severity: [String]] = [
        .critical: ["critical", "page", "p1", "fatal", "emergency", "disaster"],
        .warning: ["warning", "warn", "p2", "error", "high", "ticket"],
        .info: ["info", "information", "informational", "notice", "notify", "p3", "p4", "low", "none", "debug"],
    ]

    init(aliases: [Severity: [String]] = defaultAliases) {
        var tiers: [String: Severity] = [:]
        for (severity, words) in aliases {
            for word in words { tiers[word.lowercased()] = severity }
        }
        self.tiers = tiers
    }

    /// - Parameter label: the value of the label `severity`, nil where the alert has none. Its case and the white space
    ///   around it do not matter.
    func severity(of label: String?) -> Severity {
        guard let label else { return .fallback }
        if let severity = tiers[label] { return severity }
        let word = label.lowercased().drop { $0.isWhitespace }
        return tiers[String(word.prefix { !$0.isWhitespace })] ?? .fallback
    }
}
