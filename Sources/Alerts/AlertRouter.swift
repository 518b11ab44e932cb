/// Chooses whose room an alert is for, by its labels: the first receiver whose matchers it all meets, else its
/// severity's own room.
package struct AlertRouter: Sendable {
    package struct Entry: Sendable {
        package var receiver: ReceiverID
        /// All of them must match.
        package var matchers: [LabelMatcher]
        /// The search goes on as though the receiver had not taken the alert.
        package var continues: Bool

        package init(receiver: ReceiverID, matchers: [LabelMatcher], continues: Bool) {
            self.receiver = receiver
            self.matchers = matchers
            self.continues = continues
        }
    }

    private let entries: [Entry]

    /// - Parameter entries: in the order in which they are tried.
    package init(_ entries: [Entry] = []) {
        self.entries = entries
    }

    /// Every alert goes to its severity's room.
    package var isEmpty: Bool { entries.isEmpty }

    /// Never empty, and none twice.
    package func receivers(for labels: Labels) -> [ReceiverID] { receivers(in: labels) }

    /// Never empty, and none twice.
    package func receivers(in labels: some LabelSource) -> [ReceiverID] {
        var receivers: [ReceiverID] = []
        for entry in entries where entry.matchers.allSatisfy({ $0.matches(in: labels) }) {
            receivers.append(entry.receiver)
            if !entry.continues { return receivers }
        }
        return receivers + [.severityRooms]
    }
}

/// Which outbound queue a notification is for: whose room, and how urgent.
package struct Destination: Sendable, Hashable {
    /// `.tiers` for the room of the severity itself.
    package var receiver = ReceiverID.severityRooms
    package var severity: Severity

    package init(receiver: ReceiverID = ReceiverID.severityRooms, severity: Severity) {
        self.receiver = receiver
        self.severity = severity
    }
}

extension Destination {
    package static let critical = Destination(severity: .critical)
    package static let warning = Destination(severity: .warning)
    package static let info = Destination(severity: .info)
    package static let fallback = Destination(severity: .fallback)

    /// The severities' own.
    package static let severityRooms = Severity.allCases.map { Destination(severity: $0) }

    /// A receiver's, one for each severity.
    package static func all(of receiver: ReceiverID) -> [Destination] {
        Severity.allCases.map { Destination(receiver: receiver, severity: $0) }
    }

    /// The severities' own first, then those of the receivers.
    package static func all(with receivers: some Sequence<ReceiverID>) -> [Destination] {
        severityRooms + receivers.flatMap { all(of: $0) }
    }
}

extension Destination: Comparable {
    /// Worst first; at the same severity the tier's own queue before those of receivers.
    package static func < (left: Destination, right: Destination) -> Bool {
        (left.severity.rank, left.receiver.rawValue) < (right.severity.rank, right.receiver.rawValue)
    }
}

/// The number that stands for a receiver's name in the spool. It keeps its meaning for as long as anything there is for
/// the receiver.
package struct ReceiverID: RawRepresentable, Sendable, Hashable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    /// The four severities' own rooms, which are no receiver of the configuration.
    package static let severityRooms = ReceiverID(rawValue: 0)
}
