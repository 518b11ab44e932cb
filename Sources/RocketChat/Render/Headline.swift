import Alerts
import Posting
import Support

/// The lines of a message's `text`. Notifications on phones show the first one, which starts with the most important
/// facts.
struct Headline {
    private let digest: Digest
    private let settings: RenderSettings
    private let banner: MessageBanner
    private let repeats: Int?
    private let now: Timestamp
    private let ranked: [Digest.Entry]
    private let counts: [String: Digest.Count]
    private let total: Digest.Count
    private let sharedLine: String?

    private static let summaryLimit = 200

    init(
        digest: Digest, ranked: [Digest.Entry], labels: LabelTable, settings: RenderSettings, banner: MessageBanner,
        repeats: Int?, now: Timestamp
    ) {
        self.digest = digest
        self.ranked = ranked
        self.settings = settings
        self.banner = banner
        self.repeats = repeats
        self.now = now
        counts = digest.counts()
        total = counts.values.reduce(Digest.Count(), +)
        sharedLine = labels.sharedLine(count: ranked.count)
    }

    /// Whether the first line of at most `limit` units has the whole summary as it would be shown in a card.
    func showsSummary(limit: Int) -> Bool {
        guard let summary, variant(limit: limit).hasSummary, !summary.trimmed.contains(where: \.isNewline) else {
            // A name that is the summary may have been cut.
            return only.map { $0.displayName == $0.summary && !Escape.text($0.displayName, limit: 100).isShortened }
                ?? false
        }
        let shown = Escape.text(summary, limit: Self.summaryLimit)
        return !shown.isShortened
            && (settings.annotations == .text
                || shown.string == TrustedMarkdown.attachment(summary, limit: 1_000).string)
    }

    /// Whether the first line of at most `limit` units has the whole place of the only alert.
    func showsPlace(limit: Int) -> Bool {
        guard let target = only?.target else { return true }
        return variant(limit: limit).names > 0 && !Escape.value(target, in: .text, limit: 80).isShortened
    }

    /// The only alert of the message.
    private var only: Alert? { ranked.count == 1 && total.total == 1 ? digest.details.values.first?.alert : nil }

    /// The first lines that fit `limit` UTF-16 units; the first line is shortened if necessary.
    func lines(limit: Int) -> [String] {
        var lines = [first(limit: limit), sharedLine, truncation, folding].compactMap { $0 }
        while lines.count > 1, lines.reduce(0, { $0 + $1.utf16.count + 1 }) > limit { lines.removeLast() }
        return lines
    }

    /// What a room must learn whatever form the first line has.
    var notices: [String] {
        let banner = banner.words(zone: settings.zone).trimmed
        return [banner.isEmpty ? nil : banner, truncation, folding].compactMap { $0 }
    }

    private var start: String {
        let icon = digest.severity.icon(isFiring: total.firing > 0, isTruncated: digest.truncatedAlerts > 0)
        return "\(icon) \(digest.severity.word)\(banner.words(zone: settings.zone)) "
    }

    /// The first line, without its least important parts if it is too long.
    private func first(limit: Int) -> String {
        let line = line(variant(limit: limit))
        if line.utf16.count <= limit { return line }
        // Only a receiver's long name gets here.
        return String(String.UnicodeScalarView(start.unicodeScalars.prefix(limit / 2 - 1))) + "…"
    }

    /// The most names of alerts for each state, and whether the summary follows.
    private typealias Variant = (names: Int, hasSummary: Bool)

    private func variant(limit: Int) -> Variant {
        let variants: [Variant] = [(3, true), (3, false), (1, false)]
        return variants.first { line($0).utf16.count <= limit } ?? (0, false)
    }

    private func line(_ variant: Variant) -> String {
        start + description(names: variant.names) + (variant.hasSummary ? summaryText : "")
    }

    // MARK: What happens

    private func description(names: Int) -> String {
        if ranked.isEmpty && total.total == 0 { return "no alerts in this notification" }
        let clauses = [Digest.State.firing, .flapped, .resolved].compactMap { clause($0, names: names) }
        return clauses.joined(separator: "; ")
    }

    /// `3 firing: HostDown (2), DiskFull on …`; nil if no alert has the state.
    private func clause(_ state: Digest.State, names: Int) -> String? {
        let count = total.count(of: state)
        guard count > 0 else { return nil }
        let entries = ranked.filter { $0.state == state }
        let isAlone = total.total == 1
        let number = isAlone ? "" : "\(count) "
        let words = state == .firing && digest.isRepeat ? "still \(state.word)" : state.word
        return "\(number)\(words)\(span(state, isAlone))\(repeated(state)): \(subject(entries, state, names: names))"
    }

    /// How long a single alert has fired, from 5 minutes on, or fired until it was resolved. For a repeat, also since when.
    private func span(_ state: Digest.State, _ isAlone: Bool) -> String {
        if digest.isRepeat, state == .firing, let start = oldestStart {
            return " since \(settings.zone.recent(start, now: now)) (\(max(.zero, now.since(start)).humanized))"
        }
        guard isAlone, let entry = ranked.first else { return "" }
        if entry.state != .firing {
            return Timestamp.span(from: entry.startsAt, to: entry.endsAt).map { " after \($0.humanized)" } ?? ""
        }
        guard let start = entry.startsAt?.validated, now.since(start) >= .seconds(300) else { return "" }
        return " for \(now.since(start).humanized)"
    }

    private var oldestStart: Timestamp? {
        ranked.lazy.filter { $0.state == .firing }.compactMap { $0.startsAt?.validated }.min()
    }

    private func repeated(_ state: Digest.State) -> String {
        guard digest.isRepeat, state == .firing, let repeats, repeats > 0 else { return "" }
        return ", repeat \(repeats)"
    }

    // MARK: What it is about

    private func subject(_ entries: [Digest.Entry], _ state: Digest.State, names: Int) -> String {
        let counts = counts.mapValues { $0.count(of: state) }.filter { $0.value > 0 }
        let place = names > 0 ? place(entries, isOneKind: counts.count == 1) : ""
        return AlertNames(counts: counts, order: entries.map(\.name)).text(limit: names) + place
    }

    /// ` on web-1:9100, web-2:9100 and 3 more in prod-eu`. Of several kinds only what all alerts share.
    private func place(_ entries: [Digest.Entry], isOneKind: Bool) -> String {
        if let only { return AlertNames.place(of: [only]) }
        var location = AlertLocation(targets: [], more: 0, scopes: AlertLocation.scopes(in: digest.commonLabels))
        let targets = entries.compactMap(\.target).distinct
        if isOneKind && digest.overflow.isEmpty && entries.allSatisfy({ $0.target != nil }) {
            location.targets = Array(targets.prefix(2))
            location.more = max(0, targets.count - 2)
        }
        return AlertNames.place(location)
    }

    /// The summary if all alerts share it and none uses it as its name.
    private var summary: String? {
        guard let summary = only.map(\.summary) ?? digest.commonSummary, !ranked.contains(where: { $0.name == summary })
        else { return nil }
        return summary
    }

    private var summaryText: String {
        summary.map { " - " + Escape.text($0, limit: Self.summaryLimit, startsLine: false).string } ?? ""
    }

    // MARK: Further lines

    private var truncation: String? {
        guard digest.truncatedAlerts > 0 else { return nil }
        let alerts = digest.truncatedAlerts == 1 ? "alert" : "alerts"
        return "+\(digest.truncatedAlerts) more \(alerts) not sent by Alertmanager (max_alerts): they may still fire, "
            + "regardless of the group's status"
    }

    private var folding: String? {
        guard digest.notifications > 1 else { return nil }
        let groups = digest.groupCount == 1 ? "" : " (\(digest.groupCount) groups)"
        return "\(digest.notifications) notifications folded into one message\(groups): "
            + "they came faster than the room accepts messages"
    }
}

/// The names of alerts in a headline, most frequent first.
struct AlertNames {
    var counts: [String: Int]
    /// The names in order of importance, for names that are equally frequent.
    var order: [String]

    /// `HighCPUUsage on web-1:9100`, `HighCPUUsage (4), DiskFull (2)`.
    static func subject(of alerts: [Alert]) -> String {
        var counts: [String: Int] = [:]
        for alert in alerts { counts[alert.displayName, default: 0] += 1 }
        return AlertNames(counts: counts, order: alerts.map(\.displayName)).text(limit: 3, startsLine: true)
            + place(of: alerts)
    }

    /// `HighCPUUsage (4), DiskFull (2), Down and 3 more kinds`.
    func text(limit: Int, startsLine: Bool = false) -> String {
        var position: [String: Int] = [:]
        for (index, name) in order.distinct.enumerated() { position[name] = index }
        let names = counts.keys.sorted { left, right in
            let (mine, other) = (counts[left, default: 0], counts[right, default: 0])
            if mine != other { return mine > other }
            let (first, second) = (position[left, default: .max], position[right, default: .max])
            return first == second ? left < right : first < second
        }
        let shown = names.prefix(limit).map { name in
            let count = counts[name, default: 0]
            return Escape.text(name, limit: 100, startsLine: startsLine).string + (count > 1 ? " (\(count))" : "")
        }
        let more = names.count - shown.count
        if more == 0 { return shown.joined(separator: ", ") }
        let kinds = Self.kinds(more, isMore: !shown.isEmpty)
        return shown.isEmpty ? kinds : shown.joined(separator: ", ") + " and " + kinds
    }

    /// `1 more kind`, `3 more kinds`.
    static func kinds(_ count: Int, isMore: Bool = true) -> String {
        "\(count)\(isMore ? " more" : "") kind\(count == 1 ? "" : "s")"
    }

    static func place(of alerts: [Alert]) -> String {
        var location = AlertLocation(of: alerts)
        // A name derived from the summary often contains the location.
        if let alert = alerts.first, let target = location.targets.first, alerts.count == 1,
            alert.labels.visible("alertname") == nil, alert.displayName.contains(target)
        {
            location.targets = []
        }
        return place(location)
    }

    static func place(_ location: AlertLocation) -> String {
        location.phrase { Escape.value($0, in: .text, limit: 80).string }
    }
}

extension Digest.State {
    var word: String {
        switch self {
        case .firing: "firing"
        case .flapped: "flapped"
        case .resolved: "resolved"
        }
    }
}

extension Digest.Count {
    func count(of state: Digest.State) -> Int {
        switch state {
        case .firing: firing
        case .flapped: flapped
        case .resolved: resolved
        }
    }
}
