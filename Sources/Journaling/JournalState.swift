package import Alerts

/// Whether the journal accepts notifications.
package enum JournalState: Sendable, Equatable {
    case open
    /// Appends are refused, settlements are still committed. The journal reopens when there is space.
    case full(FullReason)
    /// The storage failed permanently; for example, a failed fsync may have lost pages. The program must exit and
    /// recover at its next start.
    case failed(String)
    case closed
}

/// Why the journal is full.
package enum FullReason: Sendable, Equatable {
    /// The journal has reached its size limit.
    case journalLimit
    /// The disk is full, or its free space is below the reserve.
    case diskFull
}

/// Why an append was refused. It is not stored, except possibly after `failed`.
package enum JournalRefusal: Error, Equatable, Sendable {
    /// The inbox is full.
    case overloaded
    /// The remaining space is reserved for more urgent severities than this.
    case reserved(Severity)
    case full(FullReason)
    case failed(String)
    case closed
}

extension FullReason: CustomStringConvertible {
    package var description: String {
        switch self {
        case .journalLimit: "the journal has reached its size limit"
        case .diskFull: "the disk is full or its free space is below the reserve"
        }
    }
}

extension JournalState {
    /// Why appends are refused; nil if they are accepted.
    package var refusal: JournalRefusal? {
        switch self {
        case .open: nil
        case .full(let reason): .full(reason)
        case .failed(let reason): .failed(reason)
        case .closed: .closed
        }
    }
}
