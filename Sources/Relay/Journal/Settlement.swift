/// The final outcome of a journalled notification.
enum Settlement: Sendable, Equatable {
    case delivered
    /// Not delivered, and of no use any more: too old, and resolved since.
    case expired
    /// Given up: kept for a person to read and replay.
    case dead(reason: DeadLetterReason, attempts: Int, answer: String?)

    /// Nothing of it is kept.
    var isFinal: Bool {
        switch self {
        case .delivered, .expired: true
        case .dead: false
        }
    }
}

/// Why a notification became a dead letter; the raw value is a label in metrics, so the set of them stays small.
struct DeadLetterReason: RawRepresentable, Hashable, Sendable {
    let rawValue: String

    /// The row's checksum does not fit its content: the storage changed it.
    static let damaged = DeadLetterReason(rawValue: "crc")
}
