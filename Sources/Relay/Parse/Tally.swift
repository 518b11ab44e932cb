/// How many alerts of each severity and status a payload holds.
struct Tally {
    private var firing = InlineArray<4, Int>(repeating: 0)
    private var resolved = InlineArray<4, Int>(repeating: 0)

    mutating func add(_ severity: Severity, resolved isResolved: Bool) {
        let tier = Int(severity.tier)
        if isResolved { resolved[tier] += 1 } else { firing[tier] += 1 }
    }

    func alerts(of severity: Severity) -> Int {
        firing[Int(severity.tier)] + resolved[Int(severity.tier)]
    }

    /// Whether any alert of the severity fires.
    func isFiring(_ severity: Severity) -> Bool {
        firing[Int(severity.tier)] > 0
    }

    /// Those that are not zero, most urgent first, firing before resolved.
    var counts: [AlertBatch.Count] {
        var counts: [AlertBatch.Count] = []
        for severity in Severity.allCases {
            for (status, alerts) in [(AlertStatus.firing, firing), (.resolved, resolved)] {
                let alerts = alerts[Int(severity.tier)]
                if alerts > 0 { counts.append(.init(severity: severity, status: status, alerts: alerts)) }
            }
        }
        return counts
    }
}

extension Severity {
    /// The place in the order of urgency, 0 being the most urgent.
    var tier: UInt8 {
        switch self {
        case .critical: 0
        case .warning: 1
        case .info: 2
        case .fallback: 3
        }
    }
}
