package import Alerts

/// Whether the journal accepts notifications.
package enum JournalState: Sendable, Equatable {
    case open
    /// Appends are refused, settlements are still committed. The journal reopens when there is space.
    case full(FullReason)
    /// Appends are refused, and settlements kept. The journal reopens when the engine works again, which is tried each
    /// second.
    case unavailable(UnavailableReason)
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

/// Why a shared engine is unavailable. The raw value is a metric label.
package enum UnavailableReason: String, Sendable, Hashable, CaseIterable {
    case connection
    case timedOut = "timeout"
    case readOnly = "read-only"
    case busy
    case diskFull = "disk-full"
    case schema
    case durability
    case other
}

/// Why an append was refused. It is not stored, except possibly after `unavailable` and `failed`: a retry is then a
/// duplicate.
package enum JournalRefusal: Error, Equatable, Sendable {
    /// The inbox is full.
    case overloaded
    /// The remaining space is reserved for more urgent severities than this.
    case reserved(Severity)
    case full(FullReason)
    case unavailable(UnavailableReason)
    /// The request waited longer than its sender does (`JournalSettings.replyTimeout`).
    case late
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

/// The reasons in words for senders and operators, without anything that a server wrote.
extension UnavailableReason: CustomStringConvertible {
    package var description: String {
        switch self {
        case .connection: "the database cannot be reached"
        case .timedOut: "the database did not confirm a commit in time"
        case .readOnly: "the database server accepts no writes: it is a standby, or starts or stops"
        case .busy: "the database has no free connection, or other transactions block it"
        case .diskFull: "the disk of the database is full"
        case .schema: "the database does not have the schema of this version, or the role may not use it"
        case .durability: "the database has no synchronous standby"
        case .other: "the database reports an error; see the log"
        }
    }
}

extension JournalState {
    /// Why appends are refused; nil if they are accepted.
    package var refusal: JournalRefusal? {
        switch self {
        case .open: nil
        case .full(let reason): .full(reason)
        case .unavailable(let reason): .unavailable(reason)
        case .failed(let reason): .failed(reason)
        case .closed: .closed
        }
    }
}
