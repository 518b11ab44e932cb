package import Alerts
import Support

/// The words of a digest: its text, its lines, its lists of numbers.
struct DigestText {
    typealias Escaper = (String, Int) -> Escaped

    let digest: Digest
    let banner: MessageBanner
    let now: Timestamp
    private let counts: [String: Digest.Count]
    private let total: Digest.Count
    /// What a phone shows first, then the numbers. Kept, since every look at them would count all alerts again.
    private(set) var lines: [String] = []

    init(digest: Digest, banner: MessageBanner, now: Timestamp) {
        self.digest = digest
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
        if counts.count > 3 { lines.append(Self.list(counts, Escape.text, limit: digest.settings.textBudget / 3)) }
        if digest.truncatedAlerts > 0 {
            lines.append(
                "+\(digest.truncatedAlerts) more alerts not sent by Alertmanager (max_alerts): they may still fire")
        }
        return lines
    }

    var length: Int { lines.reduce(0) { $0 + $1.utf16.count + 1 } }

    /// The lines that the limit has room for; the first always fits.
    var fitted: String {
        var room = digest.settings.textBudget
        return lines.prefix { line in
            room -= line.utf16.count + 1
            return room >= 0
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
        var room = limit - 80
        let ranked = ranked(counts)
        for (name, count) in ranked {
            let part = escape(name, 100).string.replacing("\n", with: " ") + ": " + phrase(count)
            guard part.utf16.count + 2 <= room else { break }
            room -= part.utf16.count + 2
            parts.append(part)
        }
        let left = ranked.dropFirst(parts.count)
        guard !left.isEmpty else { return parts.joined(separator: "; ") }
        let sum = left.reduce(Digest.Count()) { $0 + $1.count }
        return (parts + ["and \(left.count) more kinds: \(phrase(sum))"]).joined(separator: "; ")
    }

    /// How many alerts of each name there are, for those that are not shown.
    static func counts(of alerts: some Sequence<Alert>) -> [String: Digest.Count] {
        alerts.reduce(into: [:]) { counts, alert in
            counts[alert.displayName, default: Digest.Count()].add(alert.status == .firing ? .firing : .resolved)
        }
    }

    /// The block that stands for all that is not shown.
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

/// A digest as a message: what matters most in full, the next as lines, the rest as numbers.
extension Digest {
    /// Alerts shown in full where there are no more than these.
    private static let fullLimit = 20
    /// Alerts shown in full where there are more.
    private static let leadLimit = 5
    /// Lines for each state: what a person still scans.
    private static let lineLimit = 40

    /// Exactly one message, within the limits of its settings.
    package func message(now: Timestamp, banner: MessageBanner) -> Message {
        let (ranked, text) = (ranked(), DigestText(digest: self, banner: banner, now: now))
        var full = ranked.count <= Self.fullLimit ? ranked.count : Self.leadLimit
        while true {
            let message = message(ranked, text, full: full)
            if full == 0 || message.json().count <= settings.maxBodyBytes { return message }
            full /= 2
        }
    }

    /// The same without attachments: lines as far as the text reaches, and the rest as numbers.
    package func plainMessage(now: Timestamp, banner: MessageBanner) -> Message {
        let text = DigestText(digest: self, banner: banner, now: now)
        let shown = fitting(ranked(), text, Escape.text, room: settings.textBudget - text.length - 400)
        var lines = text.lines + shown.lines
        let rest = rest(without: Set(shown.keys))
        if rest.total > 0 { lines.append("\(rest.total) more alerts are counted above and not shown one by one") }
        return Message(text: lines.joined(separator: "\n"))
    }

    // MARK: Choosing

    private typealias Ranked = (key: Key, entry: Entry)

    /// Groups with something firing first, then the newest; inside a group the same.
    private func ranked() -> [Ranked] {
        var groups: [Int: (rank: Int, sequence: Int)] = [:]
        for entry in entries.values {
            let known = groups[entry.group] ?? (entry.state.rank, entry.sequence)
            groups[entry.group] = (min(known.rank, entry.state.rank), max(known.sequence, entry.sequence))
        }
        func order(_ entry: Entry) -> (Int, Int, Int, Int) {
            let group = groups[entry.group] ?? (0, 0)
            return (group.rank, -group.sequence, entry.state.rank, -entry.sequence)
        }
        return entries.map { (order: order($0.value), key: $0.key, entry: $0.value) }
            .sorted { $0.order < $1.order }.map { ($0.key, $0.entry) }
    }

    private func message(_ ranked: [Ranked], _ text: DigestText, full: Int) -> Message {
        var shown: Set<Key> = []
        var attachments: [Message.Attachment] = []
        for (key, entry) in ranked where attachments.count < full {
            guard entry.state != .flapped, let detail = details[key] else { continue }
            attachments.append(attachment(detail, now: text.now))
            shown.insert(key)
        }
        for state in [State.firing, .flapped, .resolved] {
            let left = ranked.filter { $0.entry.state == state && !shown.contains($0.key) }
            guard let (attachment, keys) = list(left, state, text) else { continue }
            attachments.append(attachment)
            shown.formUnion(keys)
        }
        if let rest = restAttachment(without: shown) { attachments.append(rest) }
        return Message(text: text.fitted, attachments: attachments, emoji: settings.emoji, alias: settings.alias)
    }

    // MARK: Blocks

    private func attachment(_ detail: Detail, now: Timestamp) -> Message.Attachment {
        let labels = LabelTable(alerts: [detail.alert], severity: severity, settings: settings)
        let renderer = AttachmentRenderer(severity: severity, labels: labels, externalURL: detail.externalURL, now: now)
        return renderer.render(
            detail.alert, limits: AttachmentLimits(text: settings.textBudget), size: settings.maxBodyBytes / 8)
    }

    /// One block of lines; nil where there is nothing of that state.
    private func list(_ ranked: [Ranked], _ state: State, _ text: DigestText) -> (Message.Attachment, [Key])? {
        let (lines, keys) = fitting(
            ranked.prefix(Self.lineLimit), text, Escape.attachment, room: settings.textBudget)
        guard !lines.isEmpty else { return nil }
        let count = keys.count == ranked.count ? "\(keys.count)" : "\(keys.count) of \(ranked.count)"
        let attachment = Message.Attachment(
            color: severity.color(of: state == .firing ? .firing : .resolved),
            title: "\(count) \(keys.count == ranked.count ? "" : "more ")\(state.word)",
            text: lines.joined(separator: "\n"))
        return (attachment, keys)
    }

    /// The lines of the first entries, as many as have room.
    private func fitting(
        _ ranked: some Sequence<Ranked>, _ text: DigestText, _ escape: DigestText.Escaper, room: Int
    ) -> (lines: [String], keys: [Key]) {
        var room = room
        var fitting: (lines: [String], keys: [Key]) = ([], [])
        for (key, entry) in ranked {
            let line = text.line(entry, escape)
            guard line.utf16.count < room else { break }
            room -= line.utf16.count + 1
            fitting.lines.append(line)
            fitting.keys.append(key)
        }
        return fitting
    }

    /// What is left, by name, with the way to it.
    private func restAttachment(without shown: Set<Key>) -> Message.Attachment? {
        let (total, counts) = rest(without: shown)
        guard total > 0 else { return nil }
        return DigestText.rest(total, counts, externalURL: externalURL, limit: settings.textBudget)
    }

    private func rest(without shown: Set<Key>) -> (total: Int, counts: [String: Count]) {
        let counts = counts { !shown.contains($0) }
        return (counts.values.reduce(0) { $0 + $1.total }, counts)
    }

    /// By alert name, all or some of them; what has no entry is always counted.
    package func counts(where isCounted: (Key) -> Bool = { _ in true }) -> [String: Count] {
        var counts = overflow
        for (key, entry) in entries where isCounted(key) { counts[entry.name, default: Count()].add(entry.state) }
        return counts
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
