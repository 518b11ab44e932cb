/// A digest as a message: what matters most in full, the next as lines, the rest as numbers.
extension Digest {
    /// Alerts shown in full where there are no more than these.
    private static let fullLimit = 20
    /// Alerts shown in full where there are more.
    private static let leadLimit = 5
    /// Lines for each state: what a person still scans.
    private static let lineLimit = 40

    /// Exactly one message, within the limits of its settings.
    func message(now: Timestamp, marks: MessageMarks) -> Message {
        let (ranked, text) = (ranked(), DigestText(digest: self, marks: marks, now: now))
        var full = ranked.count <= Self.fullLimit ? ranked.count : Self.leadLimit
        while true {
            let message = message(ranked, text, full: full)
            if full == 0 || message.json().count <= settings.maxBodyBytes { return message }
            full /= 2
        }
    }

    /// The same without attachments: lines as far as the text reaches, and the rest as numbers.
    func plainMessage(now: Timestamp, marks: MessageMarks) -> Message {
        let text = DigestText(digest: self, marks: marks, now: now)
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
    func counts(where isCounted: (Key) -> Bool = { _ in true }) -> [String: Count] {
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
