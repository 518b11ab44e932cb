/// The identity of a notification in the journal: never given twice, growing in the order of acceptance.
///
/// The low four bits name the severity, so that a settlement needs nothing but the id to find its row.
struct JournalID: RawRepresentable, Hashable, Comparable, Sendable {
    let rawValue: Int64

    init(rawValue: Int64) {
        self.rawValue = rawValue
    }

    /// - precondition: `sequence` is above 0 and below 2^59.
    init(sequence: Int64, severity: Severity) {
        precondition(sequence > 0 && sequence < 1 << 59)
        rawValue = sequence << 4 | severity.spoolNumber
    }

    /// The place in the order of acceptance, over all severities.
    var sequence: Int64 { rawValue >> 4 }

    var severity: Severity { Severity(spoolNumber: rawValue & 15) }

    static func < (left: JournalID, right: JournalID) -> Bool {
        left.rawValue < right.rawValue
    }
}

extension JournalID: LosslessStringConvertible {
    init?(_ description: String) {
        guard let rawValue = Int64(description) else { return nil }
        self.init(rawValue: rawValue)
    }

    var description: String { String(rawValue) }
}

extension Severity {
    /// The number that stands for this severity on disk; a number once used keeps its meaning for ever.
    var spoolNumber: Int64 {
        switch self {
        case .critical: 0
        case .warning: 1
        case .info: 2
        case .fallback: 3
        }
    }

    /// A number that no severity has reads as fallback: it can only come from a damaged row, which the checksum finds.
    init(spoolNumber: Int64) {
        self = Severity.allCases.first { $0.spoolNumber == spoolNumber } ?? .fallback
    }
}
