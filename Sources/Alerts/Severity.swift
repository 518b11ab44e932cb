import Support

/// The tier of an alert: which room hears of it, and how loudly.
///
/// The raw value is the name used in metrics, in the spool and in logs; the order of the cases is the order of
/// urgency, most urgent first.
package enum Severity: String, CaseIterable, Sendable, Hashable {
    case critical
    case warning
    case info
    /// The severity label is missing or names no known tier.
    case fallback

    /// Names for logs and answers, in the order of urgency.
    package static func list(_ severities: Set<Severity>) -> String {
        allCases.filter(severities.contains).map(\.rawValue).joined(separator: ",")
    }
}

/// Which values of the label `severity` stand for which tier.
///
/// Values are compared with ASCII letters lower-cased and white space at both ends cut. A missing or unknown value is
/// of the default tier.
package struct SeverityMap: Sendable {
    /// A value of at most 15 bytes in one number: its bytes, and its length in the lowest one.
    private struct Entry: Sendable {
        var packed: UInt128
        var severity: Severity

        package init(packed: UInt128, severity: Severity) {
            self.packed = packed
            self.severity = severity
        }
    }

    /// The aliases of `interface.md`, "Configuration".
    package static let defaultAliases: [Severity: [String]] = [
        .critical: ["critical", "page", "p1", "fatal", "emergency", "disaster"],
        .warning: ["warning", "warn", "p2", "error", "high", "ticket"],
        .info: ["info", "information", "informational", "notice", "notify", "p3", "p4", "low", "none", "debug"],
    ]

    private var entries: [Entry] = []
    /// Aliases too long to pack, normalized.
    private var long: [String: Severity] = [:]
    private let standard: Severity

    /// Where two tiers claim one alias, the more urgent has it.
    package init(aliases: [Severity: [String]] = defaultAliases, default standard: Severity = .fallback) {
        self.standard = standard
        for severity in Severity.allCases {
            for alias in aliases[severity] ?? [] { add(alias, severity) }
        }
    }

    private mutating func add(_ alias: String, _ severity: Severity) {
        var alias = alias
        alias.withUTF8 { bytes in
            let trimmed = Self.trimmed(UnsafeRawBufferPointer(bytes))
            guard known(trimmed) == nil else { return }
            if let packed = Self.packed(trimmed) {
                entries.append(Entry(packed: packed, severity: severity))
            } else {
                long[Self.lowercased(trimmed)] = severity
            }
        }
    }

    /// The tier of a label's value; nil is a missing label.
    package func severity(of value: UnsafeRawBufferPointer?) -> Severity {
        guard let value else { return standard }
        return known(Self.trimmed(value)) ?? standard
    }

    private func known(_ trimmed: UnsafeRawBufferPointer) -> Severity? {
        guard let packed = Self.packed(trimmed) else {
            return long.isEmpty ? nil : long[Self.lowercased(trimmed)]
        }
        for entry in entries where entry.packed == packed { return entry.severity }
        return nil
    }

    package func severity(of value: String?) -> Severity {
        guard var value else { return standard }
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

/// How many alerts of each severity and status a payload holds.
struct SeverityCounts {
    private var firing = InlineArray<4, Int>(repeating: 0)
    private var resolved = InlineArray<4, Int>(repeating: 0)

    mutating func add(_ severity: Severity, resolved isResolved: Bool) {
        let tier = Int(severity.rank)
        if isResolved { resolved[tier] += 1 } else { firing[tier] += 1 }
    }

    func alerts(of severity: Severity) -> Int {
        firing[Int(severity.rank)] + resolved[Int(severity.rank)]
    }

    /// Whether any alert of the severity fires.
    func isFiring(_ severity: Severity) -> Bool {
        firing[Int(severity.rank)] > 0
    }

    /// Those that are not zero, most urgent first, firing before resolved.
    var counts: [AlertBatch.Count] {
        var counts: [AlertBatch.Count] = []
        for severity in Severity.allCases {
            for (status, alerts) in [(AlertStatus.firing, firing), (.resolved, resolved)] {
                let alerts = alerts[Int(severity.rank)]
                if alerts > 0 { counts.append(.init(severity: severity, status: status, alerts: alerts)) }
            }
        }
        return counts
    }
}

extension Severity {
    /// The place in the order of urgency, 0 being the most urgent.
    package var rank: UInt8 {
        switch self {
        case .critical: 0
        case .warning: 1
        case .info: 2
        case .fallback: 3
        }
    }
}
