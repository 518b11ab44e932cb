/// Whether the journal takes notifications.
enum JournalState: Sendable, Equatable {
    case open
    /// Appends are refused, settlements go on; opens again by itself.
    case full(FullReason)
    /// Storage failed in a way that is never retried (a failed fsync may have lost pages): the program must exit and
    /// recover at its next start.
    case failed(String)
    case closed
}

enum FullReason: Sendable, Equatable {
    case journalLimit
    /// The disk is full, or its free space is below the reserve.
    case diskFull
}

/// Why an append was not taken. Nothing of it is stored, save that after `failed` it may be found at the next start.
enum JournalRefusal: Error, Equatable, Sendable {
    /// More waits for the disk than the inbox holds.
    case overloaded
    /// The journal keeps the space that it has left for more urgent alerts than this.
    case reserved(Severity)
    case full(FullReason)
    case failed(String)
    case closed
}

extension FullReason: CustomStringConvertible {
    var description: String {
        switch self {
        case .journalLimit: "the journal has reached its size limit"
        case .diskFull: "the disk is full or its free space is below the reserve"
        }
    }
}

extension JournalState {
    /// Nil when an append may be taken.
    var refusal: JournalRefusal? {
        switch self {
        case .open: nil
        case .full(let reason): .full(reason)
        case .failed(let reason): .failed(reason)
        case .closed: .closed
        }
    }
}
