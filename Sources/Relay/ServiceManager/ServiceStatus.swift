/// The line that `systemctl status` shows.
enum ServiceStatus {
    static func line(_ snapshot: JournalSnapshot) -> String {
        let waiting = Severity.allCases.compactMap { severity -> String? in
            let count = snapshot.pending.reduce(0) { $0 + ($1.key.severity == severity ? $1.value : 0) }
            guard count > 0 else { return nil }
            return "\(count) \(severity.rawValue)"
        }
        let pending = waiting.isEmpty ? "nothing pending" : "pending: \(waiting.joined(separator: ", "))"
        return "\(condition(snapshot)); \(pending)"
    }

    private static func condition(_ snapshot: JournalSnapshot) -> String {
        if let refusal = snapshot.state.refusal { return "refusing webhooks, \(refusal.explanation)" }
        if !snapshot.reserved.isEmpty { return "relaying, journal refuses \(Severity.list(snapshot.reserved))" }
        return snapshot.degraded == nil ? "relaying" : "relaying, journal degraded"
    }
}
