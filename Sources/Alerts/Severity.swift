/// The severity of an alert. It selects the room and the mentions.
///
/// The raw value is the name in metrics, logs and the spool. The cases are ordered by urgency, most urgent first.
package enum Severity: String, CaseIterable, Sendable, Hashable {
    case critical
    case warning
    case info
    /// The severity label is missing or has an unknown value.
    case fallback

    /// The names for logs and responses, separated by commas, most urgent first.
    package static func list(_ severities: Set<Severity>) -> String {
        allCases.filter(severities.contains).map(\.rawValue).joined(separator: ",")
    }
}

/// Maps values of the label `severity` to severities.
///
/// Values are compared without case (ASCII) and without leading and trailing white space. A missing or unknown value
/// maps to the default severity.
package struct SeverityMap: Sendable {
    /// An alias of at most 15 bytes, packed into a number: its bytes, then its length in the lowest byte.
    private struct Entry: Sendable {
        var packed: UInt128
        var severity: Severity
    }

    /// The default of `RELAY_SEVERITY_ALIASES_*`.
    package static let defaultAliases: [Severity: [String]] = [
        .critical: ["critical", "page", "p1", "fatal", "emergency", "disaster"],
        .warning: ["warning", "warn", "p2", "error", "high", "ticket"],
        .info: ["info", "information", "informational", "notice", "notify", "p3", "p4", "low", "none", "debug"],
    ]

    private var entries: [Entry] = []
    /// Aliases of more than 15 bytes, normalized.
    private var longAliases: [String: Severity] = [:]
    private let defaultSeverity: Severity

    /// If two severities have the same alias, the more urgent one is used.
    package init(aliases: [Severity: [String]] = defaultAliases, default defaultSeverity: Severity = .fallback) {
        self.defaultSeverity = defaultSeverity
        for severity in Severity.allCases {
            for alias in aliases[severity] ?? [] { add(alias, severity) }
        }
    }

    private mutating func add(_ alias: String, _ severity: Severity) {
        var alias = alias
        alias.withUTF8 { bytes in
            let trimmed = Self.trimmed(UnsafeRawBufferPointer(bytes))
            guard lookUp(trimmed) == nil else { return }
            if let packed = Self.packed(trimmed) {
                entries.append(Entry(packed: packed, severity: severity))
            } else {
                longAliases[Self.lowercased(trimmed)] = severity
            }
        }
    }

    /// The severity for a label value; `value` is nil if the label is missing.
    package func severity(of value: UnsafeRawBufferPointer?) -> Severity {
        guard let value else { return defaultSeverity }
        return lookUp(Self.trimmed(value)) ?? defaultSeverity
    }

    private func lookUp(_ trimmed: UnsafeRawBufferPointer) -> Severity? {
        guard let packed = Self.packed(trimmed) else {
            return longAliases.isEmpty ? nil : longAliases[Self.lowercased(trimmed)]
        }
        for entry in entries where entry.packed == packed { return entry.severity }
        return nil
    }

    /// The severity for a label value; `value` is nil if the label is missing.
    package func severity(of value: String?) -> Severity {
        guard var value else { return defaultSeverity }
        return value.withUTF8 { severity(of: UnsafeRawBufferPointer($0)) }
    }

    private static func trimmed(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        var start = 0
        var end = bytes.count
        while start < end, isSpace(bytes[start]) { start += 1 }
        while end > start, isSpace(bytes[end - 1]) { end -= 1 }
        return UnsafeRawBufferPointer(rebasing: bytes[start..<end])
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (byte >= 0x09 && byte <= 0x0D) }

    private static func lowercased(_ byte: UInt8) -> UInt8 { byte >= 0x41 && byte <= 0x5A ? byte | 0x20 : byte }

    private static func lowercased(_ bytes: UnsafeRawBufferPointer) -> String {
        String(decoding: bytes.lazy.map(lowercased), as: UTF8.self)
    }

    private static func packed(_ bytes: UnsafeRawBufferPointer) -> UInt128? {
        guard bytes.count <= 15 else { return nil }
        var high: UInt64 = 0
        var low: UInt64 = 0
        for index in 0..<bytes.count {
            high = high << 8 | low >> 56
            low = low << 8 | UInt64(lowercased(bytes[index]))
        }
        return (UInt128(high) << 64 | UInt128(low)) << 8 | UInt128(bytes.count)
    }
}

/// The number of alerts in a payload for each severity and status.
struct SeverityCounts {
    private var firing = InlineArray<4, Int>(repeating: 0)
    private var resolved = InlineArray<4, Int>(repeating: 0)

    mutating func add(_ severity: Severity, resolved isResolved: Bool) {
        let index = Int(severity.rank)
        if isResolved { resolved[index] += 1 } else { firing[index] += 1 }
    }

    func alerts(of severity: Severity) -> Int {
        firing[Int(severity.rank)] + resolved[Int(severity.rank)]
    }

    /// Whether an alert of the severity is firing.
    func isFiring(_ severity: Severity) -> Bool {
        firing[Int(severity.rank)] > 0
    }

    /// The counts that are not zero, most urgent first, firing before resolved.
    var counts: [AlertBatch.Count] {
        var counts: [AlertBatch.Count] = []
        counts.reserveCapacity(2 * Severity.allCases.count)
        for severity in Severity.allCases {
            let (firing, resolved) = (firing[Int(severity.rank)], resolved[Int(severity.rank)])
            if firing > 0 { counts.append(.init(severity: severity, status: .firing, alerts: firing)) }
            if resolved > 0 { counts.append(.init(severity: severity, status: .resolved, alerts: resolved)) }
        }
        return counts
    }
}

extension Severity {
    /// The position in the order of urgency; 0 is the most urgent.
    package var rank: UInt8 {
        switch self {
        case .critical: 0
        case .warning: 1
        case .info: 2
        case .fallback: 3
        }
    }

    /// Without this, Swift hashes the raw value, a string.
    package func hash(into hasher: inout Hasher) { hasher.combine(rank) }
}
