import Alerts

/// A severity's word, icon and color, readable in Rocket.Chat's light and dark themes.
extension Severity {
    /// The word at the start of a message.
    var word: String {
        switch self {
        case .critical: "CRITICAL"
        case .warning: "WARNING"
        case .info: "INFO"
        case .fallback: "UNKNOWN SEVERITY"
        }
    }

    /// The icon for the most severe state in a message.
    ///
    /// - Parameter isTruncated: Alertmanager cut alerts, which may still fire, so the icon is not the one for resolved.
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

    /// The color of an alert's attachment as `#RRGGBB`, because clients interpret names of colors differently.
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
