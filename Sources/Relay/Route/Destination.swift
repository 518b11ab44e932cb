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
