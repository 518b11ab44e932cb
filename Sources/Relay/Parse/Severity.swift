/// The tier of an alert: which room hears of it, and how loudly.
///
/// The raw value is the name used in metrics, in the spool and in logs; the order of the cases is the order of
/// urgency, most urgent first.
enum Severity: String, CaseIterable, Sendable, Hashable {
    case critical
    case warning
    case info
    /// The severity label is missing or names no known tier.
    case fallback

    /// Names for logs and answers, in the order of urgency.
    static func list(_ severities: Set<Severity>) -> String {
        allCases.filter(severities.contains).map(\.rawValue).joined(separator: ",")
    }
}
