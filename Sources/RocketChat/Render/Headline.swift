package import Alerts
package import Posting
import Support

/// The `text` of a message, which notifications on phones show. It starts with the most important facts.
package struct Headline: Sendable {
    /// The number of a message if a payload has several.
    package struct Part: Sendable, Equatable {
        var number: Int
        var count: Int
    }

    private let payload: Payload
    private let severity: Severity
    private let banner: MessageBanner
    private let now: Timestamp
    /// UTF-16 units of the whole text.
    private let limit: Int
    private let firing: [Alert]
    private let resolved: [Alert]
    /// The common text of all parts. Cached, because computing it counts all alerts.
    private var description = ""
    private let sharedLine: String?

    package init(
        payload: Payload, severity: Severity, labels: LabelTable, banner: MessageBanner, now: Timestamp, limit: Int
    ) {
        self.payload = payload
        self.severity = severity
        self.banner = banner
        self.now = now
        self.limit = limit
        firing = payload.firing
        resolved = payload.resolved
        sharedLine = labels.sharedLine(count: payload.alerts.count)
        description = stateText + summaryText
    }

    /// The text of one part. The first part has the line about alerts that Alertmanager cut.
    package func text(part: Part? = nil) -> String {
        var lines = [lead(part) + description]
        if let sharedLine { lines.append(sharedLine) }
        if payload.truncatedAlerts > 0, (part?.number ?? 1) == 1 { lines.append(truncation) }
        return Self.fitted(lines, limit: limit)
    }

    /// The messages of all parts, numbered if there are several; one message with `empty` if there are no parts.
    package func messages<Part>(_ parts: [Part], empty: Part, _ make: (_ text: String, Part) -> Message) -> [Message] {
        guard parts.count > 1 else { return [make(text(), parts.first ?? empty)] }
        return parts.enumerated().map { index, part in
            make(text(part: .init(number: index + 1, count: parts.count)), part)
        }
    }

    /// `🔴 CRITICAL (part 2 of 3)`.
    private func lead(_ part: Part?) -> String {
        let number = part.map { " (part \($0.number) of \($0.count))" } ?? ""
        let icon = severity.icon(isFiring: !firing.isEmpty, isTruncated: payload.truncatedAlerts > 0)
        return "\(icon) \(severity.word)\(banner.words)\(number) "
    }

    private var stateText: String {
        if payload.alerts.isEmpty { return "no alerts in this notification" }
        if resolved.isEmpty { return state("\(isRepeat ? "still " : "")firing", of: firing) }
        if firing.isEmpty { return state("resolved", of: resolved) }
        let clauses = [(firing, "firing"), (resolved, "resolved")].map { alerts, word in
            "\(alerts.count) \(word): \(Self.subject(of: alerts))"
        }
        return clauses.joined(separator: "; ")
    }

    /// `firing for 2 h 13 m: HighCPUUsage`, `7 firing: HighCPUUsage (4), DiskFull (3)`.
    private func state(_ word: String, of alerts: [Alert]) -> String {
        let isOneKind = alerts.map(\.displayName).distinct.count == 1
        let count = isOneKind ? "" : "\(alerts.count) "
        return "\(count)\(word)\(span(of: alerts)): \(Self.subject(of: alerts))"
    }

    /// `HighCPUUsage on web-1:9100`, `HighCPUUsage (4), DiskFull (2)`.
    package static func subject(of alerts: [Alert]) -> String { kinds(of: alerts) + place(of: alerts) }

    /// How long a single alert has fired, from 5 minutes on, or fired until it was resolved.
    private func span(of alerts: [Alert]) -> String {
        guard alerts.count == 1, let alert = alerts.first, let duration = alert.duration(now: now) else { return "" }
        if alert.status == .resolved { return " after \(duration.humanized)" }
        return duration < .seconds(300) ? "" : " for \(duration.humanized)"
    }

    /// `HighCPUUsage (4), DiskFull (2), Down and 3 more kinds`, most frequent first.
    private static func kinds(of alerts: [Alert]) -> String {
        var counts: [String: Int] = [:]
        for alert in alerts { counts[alert.displayName, default: 0] += 1 }
        let names = alerts.map(\.displayName).distinct
        let order = names.indices.sorted {
            let (left, right) = (counts[names[$0], default: 0], counts[names[$1], default: 0])
            return left == right ? $0 < $1 : left > right
        }
        let shown = order.prefix(3).map { index in
            let count = counts[names[index], default: 0]
            return Escape.text(names[index], limit: 100).string + (count > 1 ? " (\(count))" : "")
        }
        let more = names.count - shown.count
        return shown.joined(separator: ", ") + (more > 0 ? " and \(more) more kinds" : "")
    }

    private static func place(of alerts: [Alert]) -> String {
        var place = AlertLocation(of: alerts)
        // A name derived from the summary often contains the location.
        if let name = alerts.first?.displayName, let target = place.targets.first, alerts.count == 1,
            name.contains(target)
        {
            place.targets = []
        }
        return place.phrase { Escape.text($0, limit: 80).string }
    }

    /// The summary if all alerts share it and none uses it as its name.
    private var summaryText: String {
        let summaries = payload.alerts.map { $0.summary ?? "" }.distinct
        guard summaries.count == 1, let summary = summaries.first, !summary.isEmpty else { return "" }
        guard !payload.alerts.contains(where: { $0.displayName == summary }) else { return "" }
        return " - " + Escape.text(summary, limit: 200).string
    }

    private var truncation: String {
        "+\(payload.truncatedAlerts) more alerts not sent by Alertmanager (max_alerts): they may still fire, "
            + "whatever the group's status says"
    }

    private var isRepeat: Bool {
        payload.isRepeat
    }

    /// The first lines that fit; the first one is shortened if necessary.
    private static func fitted(_ lines: [String], limit: Int) -> String {
        var lines = lines
        while lines.count > 1, lines.joined(separator: "\n").utf16.count > limit { lines.removeLast() }
        let text = lines.joined(separator: "\n")
        return text.utf16.count <= limit ? text : shortened(text, limit: limit)
    }

    /// Cuts between scalars, and never after the backslash of an escape.
    private static func shortened(_ text: String, limit: Int) -> String {
        var scalars = String.UnicodeScalarView()
        var units = 1
        for scalar in text.unicodeScalars {
            units += UTF16.width(scalar)
            if units > limit { break }
            scalars.append(scalar)
        }
        while scalars.last == "\\" { scalars.removeLast() }
        return String(scalars) + "…"
    }
}

/// A severity's word, icon and color, readable in Rocket.Chat's light and dark themes.
extension Severity {
    /// The word at the start of a message.
    package var word: String {
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
    package func icon(isFiring: Bool, isTruncated: Bool) -> String {
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
    package func color(of status: AlertStatus) -> String {
        switch (status, self) {
        case (.resolved, _): "#2E9E4F"
        case (.firing, .critical): "#D32F2F"
        case (.firing, .warning): "#F57C00"
        case (.firing, .info): "#1976D2"
        case (.firing, .fallback): "#757575"
        }
    }
}
