package import Alerts
package import Posting

/// The texts of a digest's message: the headline, the lines and the lists of counts.
struct DigestText {
    typealias Escaper = (String, Int) -> Escaped

    let digest: Digest
    /// The most UTF-16 units of the whole text.
    let limit: Int
    let banner: MessageBanner
    let now: Timestamp
    private let counts: [String: Digest.Count]
    private let total: Digest.Count
    /// The headline, which a phone shows, then the counts. Cached, because computing them counts all alerts.
    private(set) var lines: [String] = []

    init(digest: Digest, limit: Int, banner: MessageBanner, now: Timestamp) {
        self.digest = digest
        self.limit = limit
        self.banner = banner
        self.now = now
        counts = digest.counts()
        total = counts.values.reduce(Digest.Count(), +)
        lines = makeLines()
    }

    private func makeLines() -> [String] {
        var lines = [
            headline, "\(digest.notifications) notifications folded into one message, to keep to the room's limit",
        ]
        if counts.count > 3 { lines.append(Self.list(counts, Escape.text, limit: limit / 3)) }
        if digest.truncatedAlerts > 0 {
            lines.append(
                "+\(digest.truncatedAlerts) more alerts not sent by Alertmanager (max_alerts): they may still fire")
        }
        return lines
    }

    var length: Int { lines.reduce(0) { $0 + $1.utf16.count + 1 } }

    /// The first lines that fit the limit; the headline always does.
    var fitted: String {
        var remaining = limit
        return lines.prefix { line in
            remaining -= line.utf16.count + 1
            return remaining >= 0
        }.joined(separator: "\n")
    }

    /// `🔴 CRITICAL 12 firing, 3 resolved in 6 groups: HostDown (7), DiskFull (5) and 2 more kinds`.
    private var headline: String {
        let icon = digest.severity.icon(isFiring: total.firing > 0, isTruncated: digest.truncatedAlerts > 0)
        let groups = digest.groupCount == 1 ? "1 group" : "\(digest.groupCount) groups"
        return "\(icon) \(digest.severity.word)\(banner.words) \(Self.phrase(total)) in \(groups): \(kinds)"
    }

    private var kinds: String {
        let ranked = Self.ranked(counts)
        let shown = ranked.prefix(3).map { "\(Escape.text($0.name, limit: 100).string) (\($0.count.total))" }
        let more = ranked.count - shown.count
        return shown.joined(separator: ", ") + (more > 0 ? " and \(more) more kinds" : "")
    }

    /// `HostDown on web-1:9100, since 03:12 UTC (4 m)`.
    func line(_ entry: Digest.Entry, _ escape: Escaper) -> String {
        let name = escape(entry.name, 160).string.replacing("\n", with: " ")
        let place = entry.target.map { " on " + escape($0, 80).string.replacing("\n", with: " ") } ?? ""
        let again = entry.flaps > 0 && entry.state == .firing ? ", flapped before" : ""
        let times = entry.notifications > 1 && entry.flaps == 0 ? ", told \(entry.notifications) times" : ""
        return name + place + history(entry) + again + times
    }

    private func history(_ entry: Digest.Entry) -> String {
        let span = Timestamp.span(from: entry.startsAt, to: entry.endsAt)
        switch entry.state {
        case .firing:
            guard let start = entry.startsAt?.validated else { return ", firing" }
            let age = now.since(start)
            return ", since \(start.day == now.day ? "" : start.day + " ")\(start.clock) UTC"
                + (age > .zero ? " (\(age.humanized))" : "")
        case .flapped: return ", flapped" + (span.map { ", \($0.humanized)" } ?? "")
        case .resolved: return ", resolved" + (span.map { " after \($0.humanized)" } ?? "")
        }
    }

    /// `HostDown: 7 firing, 2 resolved; DiskFull: 5 firing; and 3 more kinds: 12 firing`.
    static func list(_ counts: [String: Digest.Count], _ escape: Escaper, limit: Int) -> String {
        var parts: [String] = []
        var remaining = limit - 80
        let ranked = ranked(counts)
        for (name, count) in ranked {
            let part = escape(name, 100).string.replacing("\n", with: " ") + ": " + phrase(count)
            guard part.utf16.count + 2 <= remaining else { break }
            remaining -= part.utf16.count + 2
            parts.append(part)
        }
        let left = ranked.dropFirst(parts.count)
        guard !left.isEmpty else { return parts.joined(separator: "; ") }
        let sum = left.reduce(Digest.Count()) { $0 + $1.count }
        return (parts + ["and \(left.count) more kinds: \(phrase(sum))"]).joined(separator: "; ")
    }

    /// The number of alerts by name.
    static func counts(of alerts: some Sequence<Alert>) -> [String: Digest.Count] {
        alerts.reduce(into: [:]) { counts, alert in
            counts[alert.displayName, default: Digest.Count()].add(alert.status == .firing ? .firing : .resolved)
        }
    }

    /// The attachment that counts the alerts that are not shown.
    static func rest(
        _ total: Int, _ counts: [String: Digest.Count], externalURL: String, limit: Int
    ) -> Message.Attachment {
        Message.Attachment(
            color: "#757575", title: restTitle(total),
            titleLink: SafeURL(externalURL, limit: 2_000)?.string, text: list(counts, Escape.attachment, limit: limit))
    }

    static func restTitle(_ total: Int) -> String { "\(total) more alerts are not shown one by one" }

    private static func ranked(_ counts: [String: Digest.Count]) -> [(name: String, count: Digest.Count)] {
        counts.map { (name: $0.key, count: $0.value) }
            .sorted { ($1.count.firing, $1.count.total, $0.name) < ($0.count.firing, $0.count.total, $1.name) }
    }

    private static func phrase(_ count: Digest.Count) -> String {
        let parts = [(count.firing, "firing"), (count.flapped, "flapped"), (count.resolved, "resolved")]
        let said = parts.filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }
        return said.isEmpty ? "no alerts" : said.joined(separator: ", ")
    }
}

/// Renders a digest as one message: the most important alerts in full, the next as lines, the rest as counts.
package struct DigestRenderer {
    private typealias Key = Digest.Key
    private typealias Entry = Digest.Entry

    /// Up to this number, all alerts are shown in full.
    private static let fullLimit = 20
    /// The number of alerts shown in full if there are more.
    private static let leadLimit = 5
    /// The most lines for each state: a reader does not scan more.
    private static let lineLimit = 40

    let digest: Digest
    private let settings: RenderSettings

    package init(_ digest: Digest, settings: RenderSettings) {
        self.digest = digest
        self.settings = settings
    }

    /// Exactly one message within the limits of the settings.
    package func message(now: Timestamp, banner: MessageBanner) -> Message {
        let (ranked, text) = (
            ranked(), DigestText(digest: digest, limit: settings.textBudget, banner: banner, now: now)
        )
        var full = ranked.count <= Self.fullLimit ? ranked.count : Self.leadLimit
        while true {
            let message = message(ranked, text, full: full)
            if full == 0 || message.json().count <= settings.maxBodyBytes { return message }
            full /= 2
        }
    }

    /// The same without attachments: as many lines as fit the text, and the rest as counts.
    package func plainMessage(now: Timestamp, banner: MessageBanner) -> Message {
        let text = DigestText(digest: digest, limit: settings.textBudget, banner: banner, now: now)
        let shown = fitting(ranked(), text, Escape.text, limit: settings.textBudget - text.length - 400)
        var lines = text.lines + shown.lines
        let rest = rest(without: Set(shown.keys))
        if rest.total > 0 { lines.append("\(rest.total) more alerts are counted above and not shown one by one") }
        return Message(text: lines.joined(separator: "\n"))
    }

    // MARK: Selection

    private typealias Ranked = (key: Key, entry: Entry)

    /// Groups with a firing alert first, then the newest; the same order inside a group.
    private func ranked() -> [Ranked] {
        var groups: [Int: (rank: Int, sequence: Int)] = [:]
        for entry in digest.entries.values {
            let known = groups[entry.group] ?? (entry.state.rank, entry.sequence)
            groups[entry.group] = (min(known.rank, entry.state.rank), max(known.sequence, entry.sequence))
        }
        func order(_ entry: Entry) -> (Int, Int, Int, Int) {
            let group = groups[entry.group] ?? (0, 0)
            return (group.rank, -group.sequence, entry.state.rank, -entry.sequence)
        }
        return digest.entries.map { (order: order($0.value), key: $0.key, entry: $0.value) }
            .sorted { $0.order < $1.order }.map { ($0.key, $0.entry) }
    }

    private func message(_ ranked: [Ranked], _ text: DigestText, full: Int) -> Message {
        var shown: Set<Key> = []
        var attachments: [Message.Attachment] = []
        for (key, entry) in ranked where attachments.count < full {
            guard entry.state != .flapped, let detail = digest.details[key] else { continue }
            attachments.append(attachment(detail, now: text.now))
            shown.insert(key)
        }
        for state in [Digest.State.firing, .flapped, .resolved] {
            let left = ranked.filter { $0.entry.state == state && !shown.contains($0.key) }
            guard let (attachment, keys) = list(left, state, text) else { continue }
            attachments.append(attachment)
            shown.formUnion(keys)
        }
        if let rest = restAttachment(without: shown) { attachments.append(rest) }
        return Message(text: text.fitted, attachments: attachments, emoji: settings.emoji, alias: settings.alias)
    }

    // MARK: Attachments

    private func attachment(_ detail: Digest.Detail, now: Timestamp) -> Message.Attachment {
        let labels = LabelTable(alerts: [detail.alert], severity: digest.severity, settings: settings)
        let renderer = AttachmentRenderer(
            severity: digest.severity, labels: labels, externalURL: detail.externalURL, now: now)
        return renderer.render(
            detail.alert, limits: AttachmentLimits(text: settings.textBudget), size: settings.maxBodyBytes / 8)
    }

    /// One attachment of lines; nil if no alert has that state.
    private func list(_ ranked: [Ranked], _ state: Digest.State, _ text: DigestText) -> (Message.Attachment, [Key])? {
        let (lines, keys) = fitting(
            ranked.prefix(Self.lineLimit), text, Escape.attachment, limit: settings.textBudget)
        guard !lines.isEmpty else { return nil }
        let count = keys.count == ranked.count ? "\(keys.count)" : "\(keys.count) of \(ranked.count)"
        let attachment = Message.Attachment(
            color: digest.severity.color(of: state == .firing ? .firing : .resolved),
            title: "\(count) \(keys.count == ranked.count ? "" : "more ")\(state.word)",
            text: lines.joined(separator: "\n"))
        return (attachment, keys)
    }

    /// The lines of the first entries, as many as fit.
    private func fitting(
        _ ranked: some Sequence<Ranked>, _ text: DigestText, _ escape: DigestText.Escaper, limit: Int
    ) -> (lines: [String], keys: [Key]) {
        var remaining = limit
        var fitting: (lines: [String], keys: [Key]) = ([], [])
        for (key, entry) in ranked {
            let line = text.line(entry, escape)
            guard line.utf16.count < remaining else { break }
            remaining -= line.utf16.count + 1
            fitting.lines.append(line)
            fitting.keys.append(key)
        }
        return fitting
    }

    /// The counts of the alerts that are not shown, with a link to Alertmanager.
    private func restAttachment(without shown: Set<Key>) -> Message.Attachment? {
        let (total, counts) = rest(without: shown)
        guard total > 0 else { return nil }
        return DigestText.rest(total, counts, externalURL: digest.externalURL, limit: settings.textBudget)
    }

    private func rest(without shown: Set<Key>) -> (total: Int, counts: [String: Digest.Count]) {
        let counts = digest.counts { !shown.contains($0) }
        return (counts.values.reduce(0) { $0 + $1.total }, counts)
    }
}

extension Digest.State {
    /// The worst first.
    fileprivate var rank: Int {
        switch self {
        case .firing: 0
        case .flapped: 1
        case .resolved: 2
        }
    }

    fileprivate var word: String {
        switch self {
        case .firing: "firing"
        case .flapped: "flapped while this waited"
        case .resolved: "resolved"
        }
    }
}
