/// Chooses whose room an alert is for, by its labels: the first receiver whose matchers it all meets, else its
/// severity's own room.
struct AlertRouter: Sendable {
    struct Entry: Sendable {
        var receiver: ReceiverID
        /// All of them must match.
        var matchers: [LabelMatcher]
        /// The search goes on as though the receiver had not taken the alert.
        var continues: Bool
    }

    private let entries: [Entry]

    /// - Parameter entries: in the order in which they are tried.
    init(_ entries: [Entry] = []) {
        self.entries = entries
    }

    /// - Parameter numbers: the journal's names of receivers by their numbers.
    init(_ receivers: [ReceiverConfiguration], numbers: [ReceiverID: String]) {
        let byName = Dictionary(numbers.map { ($0.value, $0.key) }) { first, _ in first }
        entries = receivers.compactMap { receiver in
            byName[receiver.name].map {
                Entry(receiver: $0, matchers: receiver.matchers, continues: receiver.continues)
            }
        }
    }

    /// Every alert goes to its severity's room.
    var isEmpty: Bool { entries.isEmpty }

    /// Never empty, and none twice.
    func receivers(for labels: Labels) -> [ReceiverID] { receivers(in: labels) }

    /// Never empty, and none twice.
    func receivers(in labels: some LabelSource) -> [ReceiverID] {
        var receivers: [ReceiverID] = []
        for entry in entries where entry.matchers.allSatisfy({ $0.matches(in: labels) }) {
            receivers.append(entry.receiver)
            if !entry.continues { return receivers }
        }
        return receivers + [.tiers]
    }
}
