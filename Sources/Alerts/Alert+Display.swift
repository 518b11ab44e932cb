import Support

/// How messages name and describe an alert, unescaped: a target escapes the texts.
extension Alert {
    /// The alert's name; without one its summary or its labels, so that alerts can be distinguished.
    package var displayName: String {
        if let name = labels.visible("alertname") {
            guard let state = GrafanaState(alertName: name), let rule = labels.visible("rulename") else { return name }
            return "\(rule) (\(state.words))"
        }
        return summary ?? labelList ?? "Alert without a name"
    }

    /// One line on what is wrong.
    package var summary: String? {
        ["summary", "title", "message", "description"].lazy.compactMap { annotations.visible($0) }.first
    }

    /// The longer text, unless it is the summary.
    package var details: String? {
        ["description", "message"].lazy.compactMap { annotations.visible($0) }.first { $0 != summary }
    }

    private var labelList: String? {
        let pairs = labels.pairs.filter { $0.name != "severity" && !SanitizedText.isBlank($0.value) }.prefix(4)
        return pairs.isEmpty ? nil : pairs.map { "\($0.name)=\($0.value)" }.joined(separator: ", ")
    }
}

extension Labels {
    /// The value, if a person could see it.
    package func visible(_ name: String) -> String? {
        self[name].flatMap { SanitizedText.isBlank($0) ? nil : $0 }
    }
}

extension Timestamp {
    /// Nil for an implausible time: before 1970, as the zero time `0001-01-01` is, or after the year 9999.
    package var validated: Timestamp? {
        (1..<253_402_300_800).contains(seconds) ? self : nil
    }

    /// The time from a start to an end; nil if either is missing or the end comes first.
    package static func span(from start: Timestamp?, to end: Timestamp?) -> Duration? {
        guard let start = start?.validated, let end = end?.validated, end >= start else { return nil }
        return end.since(start)
    }
}

extension Duration {
    /// The two largest units: `3 d 4 h`, `2 h 13 m`, `12 m`, `45 s`.
    package var humanized: String {
        let seconds = components.seconds
        switch seconds {
        case ..<60: return "\(max(0, seconds)) s"
        case ..<3_600: return "\(seconds / 60) m"
        case ..<86_400: return Self.pair(seconds / 3_600, "h", seconds % 3_600 / 60, "m")
        default: return Self.pair(seconds / 86_400, "d", seconds % 86_400 / 3_600, "h")
        }
    }

    private static func pair(_ large: Int64, _ unit: String, _ small: Int64, _ smallUnit: String) -> String {
        small == 0 ? "\(large) \(unit)" : "\(large) \(unit) \(small) \(smallUnit)"
    }
}

extension Alert {
    /// The clocks of two machines differ: a start this little in the future counts as now.
    private static let clockSkew = Duration.seconds(60)

    /// How long a firing alert has fired, or how long a resolved one fired; nil if its times are missing or implausible.
    package func duration(now: Timestamp) -> Duration? {
        switch status {
        case .firing:
            guard let start = startsAt?.validated else { return nil }
            let age = now.since(start)
            return age < .zero - Self.clockSkew ? nil : max(.zero, age)
        case .resolved: return Timestamp.span(from: startsAt, to: endsAt)
        }
    }

    /// Since when and for how long, in words; never empty.
    package func history(now: Timestamp, zone: DisplayZone) -> String {
        switch status {
        case .firing: firingHistory(now: now, zone: zone)
        case .resolved: resolvedHistory(zone)
        }
    }

    private func firingHistory(now: Timestamp, zone: DisplayZone) -> String {
        guard let start = startsAt?.validated else { return "Firing since an unknown time" }
        let moment = zone.moment(start)
        guard let age = duration(now: now) else { return "Firing; its start, \(moment), lies in the future" }
        return "Firing since \(moment) (\(age.humanized))"
    }

    private func resolvedHistory(_ zone: DisplayZone) -> String {
        switch (startsAt?.validated, endsAt?.validated) {
        case (let start?, let end?) where end >= start:
            "Resolved. Fired from \(zone.span(start, end)) (\(end.since(start).humanized))"
        case (_, let end?): "Resolved at \(zone.moment(end))"
        case (let start?, nil): "Resolved. Fired from \(zone.moment(start))"
        case (nil, nil): "Resolved"
        }
    }
}
