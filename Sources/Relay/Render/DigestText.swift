/// The words of a digest: its text, its lines, its lists of numbers.
struct DigestText {
    typealias Escaper = (String, Int) -> Escaped

    let digest: Digest
    let marks: MessageMarks
    let now: Timestamp
    private let counts: [String: Digest.Count]
    private let total: Digest.Count
    /// What a phone shows first, then the numbers. Kept, since every look at them would count all alerts again.
    private(set) var lines: [String] = []

    init(digest: Digest, marks: MessageMarks, now: Timestamp) {
        self.digest = digest
        self.marks = marks
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
        return "\(icon) \(digest.severity.word)\(marks.words) \(Self.phrase(total)) in \(groups): \(kinds)"
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
        let place = entry.thing.map { " on " + escape($0, 80).string.replacing("\n", with: " ") } ?? ""
        let again = entry.flaps > 0 && entry.state == .firing ? ", flapped before" : ""
        let times = entry.notifications > 1 && entry.flaps == 0 ? ", told \(entry.notifications) times" : ""
        return name + place + history(entry) + again + times
    }

    private func history(_ entry: Digest.Entry) -> String {
        let span = Timestamp.span(from: entry.startsAt, to: entry.endsAt)
        switch entry.state {
        case .firing:
            guard let start = entry.startsAt?.plausible else { return ", firing" }
            let age = now.since(start)
            return ", since \(start.day == now.day ? "" : start.day + " ")\(start.clock) UTC"
                + (age > .zero ? " (\(age.spoken))" : "")
        case .flapped: return ", flapped" + (span.map { ", \($0.spoken)" } ?? "")
        case .resolved: return ", resolved" + (span.map { " after \($0.spoken)" } ?? "")
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
