import Alerts
import Posting
import Support

/// A part of a message that stands for several alerts.
struct RenderedList {
    var title: String
    var text: String
    /// The alerts that the text names or counts by name.
    var keys: [Digest.Key] = []
}

extension MarkupPart {
    /// An alert's name at the start of a list's item, on one line.
    fileprivate func escaped(name: String) -> String {
        let escaped = self == .text ? Escape.text(name, limit: 100) : Escape.attachment(name, limit: 100)
        return escaped.string.replacing("\n", with: " ")
    }
}

/// Alerts of one state as lines, one for each name: `TargetDown (60): web-01:9100, web-02:9100, … and 38 more`.
struct AlertList {
    /// In order of importance.
    let entries: [(key: Digest.Key, entry: Digest.Entry)]
    let state: Digest.State
    /// The labels that all alerts of the message share.
    let commonLabels: [Labels.Pair]
    /// Whether the message shows other alerts before.
    let isRest: Bool

    /// The alerts with one name.
    private struct Row {
        var start: String
        /// Distinct targets that are not yet shown, unescaped.
        var targets: ArraySlice<String>
        var shown: [String] = []
        var keys: [Digest.Key]
        var isClosed = false
        /// The units for `, … and 12345 more`.
        var reserve: Int

        static let restLength = 20
    }

    /// The lines that fit `limit` UTF-16 units: first each name, then targets in turn. Nil if no name fits.
    func rendered(in part: MarkupPart, limit: Int) -> RenderedList? {
        guard !entries.isEmpty else { return nil }
        var remaining = limit
        var rows = rows(part, remaining: &remaining)
        guard !rows.isEmpty else { return nil }
        while rows.contains(where: { !$0.isClosed }) {
            for index in rows.indices where !rows[index].isClosed {
                Self.addTarget(to: &rows[index], part, remaining: &remaining)
            }
        }
        let count = rows.reduce(0) { $0 + $1.keys.count }
        return RenderedList(
            title: "\(count)\(isRest ? " more" : "") \(state.word)\(state == .flapped ? " while this waited" : "")",
            text: rows.map(Self.line).joined(separator: "\n"), keys: rows.flatMap(\.keys))
    }

    /// A row for each name, as many as fit without targets.
    private func rows(_ part: MarkupPart, remaining: inout Int) -> [Row] {
        var members: [String: [(key: Digest.Key, entry: Digest.Entry)]] = [:]
        for ranked in entries { members[ranked.entry.name, default: []].append(ranked) }
        var rows: [Row] = []
        for name in entries.map(\.entry.name).distinct {
            let alerts = members[name, default: []]
            let flapped = state == .firing ? alerts.count { $0.entry.flaps > 0 } : 0
            let note = flapped == 0 ? "" : ", \(flapped) flapped before"
            let start = "\(part.escaped(name: name)) (\(alerts.count)\(note))"
            let targets = labels(of: alerts.map(\.entry))
            let reserve = targets.count > 1 ? Row.restLength : 0
            let length = start.utf16.count + reserve + 1
            guard length <= remaining else { break }
            remaining -= length
            rows.append(Row(start: start, targets: targets[...], keys: alerts.map(\.key), reserve: reserve))
        }
        return rows
    }

    /// The distinct targets of alerts with one name. Targets that do not distinguish them have the labels that do.
    private func labels(of alerts: [Digest.Entry]) -> [String] {
        let targets = alerts.compactMap(\.target)
        if targets.count == alerts.count, Set(targets).count == alerts.count { return targets }
        var common = alerts.first?.labels ?? []
        if alerts.count > 1 {
            for alert in alerts.dropFirst() where !common.isEmpty { common.removeAll { !alert.labels.contains($0) } }
        } else {
            common = commonLabels
        }
        return alerts.compactMap { alert in
            let own = alert.labels.filter { !common.contains($0) }.prefix(3).map { "\($0.name)=\($0.value)" }
            let parts = [alert.target].compactMap { $0 } + own
            return parts.isEmpty ? nil : parts.joined(separator: " ")
        }.distinct
    }

    private static func addTarget(to row: inout Row, _ part: MarkupPart, remaining: inout Int) {
        guard let target = row.targets.first else { return row.isClosed = true }
        let escaped = Escape.value(target, in: part, limit: 80).string.replacing("\n", with: " ")
        guard escaped.utf16.count + 2 <= remaining else { return row.isClosed = true }
        remaining -= escaped.utf16.count + 2
        row.targets.removeFirst()
        row.shown.append(escaped)
        if row.targets.isEmpty { remaining += row.reserve }
    }

    private static func line(_ row: Row) -> String {
        guard !row.shown.isEmpty else { return row.start }
        let rest = row.targets.isEmpty ? "" : ", … and \(row.targets.count) more"
        return "\(row.start): \(row.shown.joined(separator: ", "))\(rest)"
    }
}

/// Alerts that are only counted: `HostDown (7 firing, 2 resolved), DiskFull (5 firing) and 3 more kinds (12 firing)`.
struct AlertCounts {
    private let counts: [String: Digest.Count]

    init(_ digest: Digest, without shown: Set<Digest.Key>) {
        counts = digest.counts { !shown.contains($0) }
    }

    /// Nil if no alert is left.
    func rendered(in part: MarkupPart, limit: Int) -> RenderedList? {
        let total = counts.values.reduce(0) { $0 + $1.total }
        guard total > 0 else { return nil }
        let title = "\(total) more alert\(total == 1 ? " is" : "s are") only counted"
        return RenderedList(title: title, text: text(part, limit: limit))
    }

    private func text(_ part: MarkupPart, limit: Int) -> String {
        let ranked = counts.sorted {
            ($1.value.firing, $1.value.total, $0.key) < ($0.value.firing, $0.value.total, $1.key)
        }
        var parts: [String] = []
        var remaining = limit - 80
        for (name, count) in ranked {
            let text = "\(part.escaped(name: name)) (\(Self.phrase(count)))"
            guard text.utf16.count + 2 <= remaining else { break }
            remaining -= text.utf16.count + 2
            parts.append(text)
        }
        let left = ranked.dropFirst(parts.count)
        guard !left.isEmpty else { return parts.joined(separator: ", ") }
        let sum = left.reduce(Digest.Count()) { $0 + $1.value }
        let kinds = "\(AlertNames.kinds(left.count, isMore: !parts.isEmpty)) (\(Self.phrase(sum)))"
        return parts.isEmpty ? kinds : parts.joined(separator: ", ") + " and " + kinds
    }

    private static func phrase(_ count: Digest.Count) -> String {
        [Digest.State.firing, .flapped, .resolved].filter { count.count(of: $0) > 0 }
            .map { "\(count.count(of: $0)) \($0.word)" }.joined(separator: ", ")
    }
}
