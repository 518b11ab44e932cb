extension Alert {
    /// Clocks of two machines differ: a start so little ahead of ours is now.
    private static let clockSkew = Duration.seconds(60)

    /// How long a firing alert fires, or how long a resolved one fired; nil when its times do not tell.
    func duration(now: Timestamp) -> Duration? {
        switch status {
        case .firing:
            guard let start = startsAt?.plausible else { return nil }
            let age = now.since(start)
            return age < .zero - Self.clockSkew ? nil : max(.zero, age)
        case .resolved: return Timestamp.span(from: startsAt, to: endsAt)
        }
    }

    /// Since when and for how long, in words; never empty.
    func history(now: Timestamp) -> String {
        switch status {
        case .firing: firingHistory(now: now)
        case .resolved: resolvedHistory
        }
    }

    private func firingHistory(now: Timestamp) -> String {
        guard let start = startsAt?.plausible else { return "Firing, its start is not known" }
        let moment = "\(start.day) \(start.clock) UTC"
        guard let age = duration(now: now) else { return "Firing; its start, \(moment), lies in the future" }
        return "Firing since \(moment) (\(age.spoken))"
    }

    private var resolvedHistory: String {
        switch (startsAt?.plausible, endsAt?.plausible) {
        case (let start?, let end?) where end >= start:
            let until = start.day == end.day ? end.clock : "\(end.day) \(end.clock)"
            return "Resolved. Fired from \(start.day) \(start.clock) to \(until) UTC (\(end.since(start).spoken))"
        case (_, let end?): return "Resolved at \(end.day) \(end.clock) UTC"
        case (let start?, nil): return "Resolved. Fired from \(start.day) \(start.clock) UTC"
        case (nil, nil): return "Resolved"
        }
    }
}
