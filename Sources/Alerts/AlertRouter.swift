/// Chooses the receivers of an alert by its labels: the first entry whose matchers all match, else the room of the
/// alert's severity.
package struct AlertRouter: Sendable {
    /// One receiver with its matchers.
    package struct Entry: Sendable {
        package var receiver: ReceiverID
        /// All of them must match.
        package var matchers: [LabelMatcher]
        /// Whether the entries after a match are tried too, as `continue` in an Alertmanager route.
        package var continues: Bool

        package init(receiver: ReceiverID, matchers: [LabelMatcher], continues: Bool) {
            self.receiver = receiver
            self.matchers = matchers
            self.continues = continues
        }
    }

    private let entries: [Entry]

    /// - Parameter entries: The entries in the order in which they are tried.
    package init(_ entries: [Entry] = []) {
        self.entries = entries
    }

    /// Whether there are no entries, so that each alert goes to the room of its severity.
    package var isEmpty: Bool { entries.isEmpty }

    /// Returns the receivers of an alert: at least one, without duplicates.
    package func receivers(for labels: Labels) -> [ReceiverID] { receivers(in: labels) }

    /// Returns the receivers of an alert: at least one, without duplicates.
    package func receivers(in labels: some LabelSource) -> [ReceiverID] {
        var receivers: [ReceiverID] = []
        for entry in entries where entry.matchers.allSatisfy({ $0.matches(in: labels) }) {
            receivers.append(entry.receiver)
            if !entry.continues { return receivers }
        }
        return receivers + [.severityRooms]
    }
}

/// The outbound queue of a notification: its receiver and severity.
package struct Destination: Sendable, Hashable {
    /// `.severityRooms` for the room of the severity.
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

    /// The destinations of the severity rooms, most urgent first.
    package static let severityRooms = Severity.allCases.map { Destination(severity: $0) }

    /// The destinations of a receiver, one for each severity.
    package static func all(of receiver: ReceiverID) -> [Destination] {
        Severity.allCases.map { Destination(receiver: receiver, severity: $0) }
    }

    /// The destinations of the severity rooms, then those of the receivers.
    package static func all(with receivers: some Sequence<ReceiverID>) -> [Destination] {
        severityRooms + receivers.flatMap { all(of: $0) }
    }
}

extension Destination: Comparable {
    /// Most urgent first. Within a severity, the severity room is before receivers.
    package static func < (left: Destination, right: Destination) -> Bool {
        (left.severity.rank, left.receiver.rawValue) < (right.severity.rank, right.receiver.rawValue)
    }
}

/// The number of a receiver in the spool. It is not reused while the spool holds notifications for the receiver.
package struct ReceiverID: RawRepresentable, Sendable, Hashable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    /// The rooms of the four severities, which are not a configured receiver.
    package static let severityRooms = ReceiverID(rawValue: 0)
}
