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

/// Which outbound queue a notification is for: whose room, and how urgent.
struct Destination: Sendable, Hashable {
    /// `.tiers` for the room of the severity itself.
    var receiver = ReceiverID.tiers
    var severity: Severity
}

extension Destination {
    static let critical = Destination(severity: .critical)
    static let warning = Destination(severity: .warning)
    static let info = Destination(severity: .info)
    static let fallback = Destination(severity: .fallback)

    /// The severities' own.
    static let tiers = Severity.allCases.map { Destination(severity: $0) }

    /// A receiver's, one for each severity.
    static func all(of receiver: ReceiverID) -> [Destination] {
        Severity.allCases.map { Destination(receiver: receiver, severity: $0) }
    }

    /// The severities' own first, then those of the receivers.
    static func all(with receivers: some Sequence<ReceiverID>) -> [Destination] {
        tiers + receivers.flatMap { all(of: $0) }
    }
}

extension Destination: Comparable {
    /// Worst first; at the same severity the tier's own queue before those of receivers.
    static func < (left: Destination, right: Destination) -> Bool {
        (left.severity.tier, left.receiver.rawValue) < (right.severity.tier, right.receiver.rawValue)
    }
}

/// The number that stands for a receiver's name in the spool. It keeps its meaning for as long as anything there is for
/// the receiver.
struct ReceiverID: RawRepresentable, Sendable, Hashable {
    let rawValue: UInt8

    /// The four severities' own rooms, which are no receiver of the configuration.
    static let tiers = ReceiverID(rawValue: 0)
}
