/// A dead letter and what its alerts are called, as a list shows it.
struct ListedLetter: Sendable, Equatable {
    var letter: DeadLetter
    /// The name of each alert, repeats included; empty where the content cannot be read.
    var names: [String]

    init(_ letter: DeadLetter, names: [String]) {
        self.letter = letter
        self.names = names
    }

    init(_ content: DeadLetterContent, parser: WebhookParser) {
        letter = content.letter
        // Parsing it again could crash the process that lists it.
        let alerts = content.letter.reason == .crash ? [] : (try? parser.decode(content.body).alerts) ?? []
        names = alerts.map { $0.labels["alertname"] ?? "(no name)" }
    }

    /// `DiskFull x3, HighCPU`, in the order of first appearance.
    var summary: String {
        if letter.reason == .crash { return "(not parsed: it crashed the relay)" }
        guard !names.isEmpty else { return "(unreadable)" }
        let counts = names.reduce(into: [:]) { $0[$1, default: 0] += 1 }
        return names.distinct.map { name in
            let count = counts[name] ?? 1
            return count > 1 ? "\(name) x\(count)" : name
        }.joined(separator: ", ")
    }
}
