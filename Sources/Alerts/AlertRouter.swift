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
        /// The name by which dropped alerts are counted; nil if the entry has a room.
        package var drop: String?

        package init(receiver: ReceiverID, matchers: [LabelMatcher], continues: Bool) {
            self.receiver = receiver
            self.matchers = matchers
            self.continues = continues
        }

        /// An entry whose alerts are counted and posted nowhere.
        ///
        /// - Parameter name: the receiver's name.
        package init(dropping name: String, matchers: [LabelMatcher]) {
            self.init(receiver: .severityRooms, matchers: matchers, continues: false)
            drop = name
        }
    }

    /// Where one alert goes.
    package struct Route: Sendable, Equatable {
        /// Without duplicates; empty only if it is dropped.
        package var receivers: [ReceiverID]
        /// The receiver that drops it for the remaining rooms.
        package var drop: String?
    }

    private let entries: [Entry]

    /// - Parameter entries: The entries in the order in which they are tried.
    package init(_ entries: [Entry] = []) {
        self.entries = entries
    }

    /// Whether there are no entries, so that each alert goes to the room of its severity.
    package var isEmpty: Bool { entries.isEmpty }

    /// Returns the receivers of an alert without duplicates: at least one, unless it is dropped.
    package func receivers(for labels: Labels) -> [ReceiverID] { route(in: labels).receivers }

    package func route(in labels: some LabelSource) -> Route {
        var route = Route(receivers: [])
        for entry in entries where entry.matchers.allSatisfy({ $0.matches(in: labels) }) {
            if let name = entry.drop {
                route.drop = name
                return route
            }
            route.receivers.append(entry.receiver)
            if !entry.continues { return route }
        }
        route.receivers.append(.severityRooms)
        return route
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
