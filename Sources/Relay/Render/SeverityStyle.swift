/// How a tier looks: readable on Rocket.Chat's light and dark theme.
extension Severity {
    /// The word at the head of a message.
    var word: String {
        switch self {
        case .critical: "CRITICAL"
        case .warning: "WARNING"
        case .info: "INFO"
        case .fallback: "UNKNOWN SEVERITY"
        }
    }

    /// Marks a message by the worst that is in it.
    ///
    /// - Parameter isTruncated: Alertmanager left something out, which may still fire: no all-clear.
    func icon(isFiring: Bool, isTruncated: Bool) -> String {
        if isFiring { return firingIcon }
        return isTruncated ? "⚠️" : "✅"
    }

    private var firingIcon: String {
        switch self {
        case .critical: "🔴"
        case .warning: "🟠"
        case .info: "🔵"
        case .fallback: "⚪"
        }
    }

    /// The colour of an alert's block, `#RRGGBB`: the name of a colour would be the client's to interpret.
    func color(of status: AlertStatus) -> String {
        switch (status, self) {
        case (.resolved, _): "#2E9E4F"
        case (.firing, .critical): "#D32F2F"
        case (.firing, .warning): "#F57C00"
        case (.firing, .info): "#1976D2"
        case (.firing, .fallback): "#757575"
        }
    }
}
