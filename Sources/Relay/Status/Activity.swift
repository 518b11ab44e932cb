import Alerts

/// What the relay did in each minute of the last hour, in memory. Starts empty with the process.
struct Activity: Sendable, Equatable {
    struct Minute: Sendable, Equatable {
        /// Alerts in accepted webhooks.
        var accepted = 0
        /// Messages that a server accepted.
        var posts = 0
        /// Alerts delivered in a digest of several notifications.
        var folded = 0
    }

    static let length = 60

    /// Oldest first; the last one is the current minute.
    private(set) var minutes = Array(repeating: Minute(), count: length)
    /// The number of the current minute since 1970.
    private var current: Int64?
    private var totals = Minute()

    /// Adds what happened since the last call to the minute of `time`.
    ///
    /// - Parameter now: the numbers since the start of the process.
    mutating func record(_ now: Minute, at time: Timestamp) {
        let minute = time.seconds / 60
        // If the clock is set back, the current minute continues.
        let passed = min(max(0, minute - (current ?? minute)), Int64(Self.length))
        current = max(minute, current ?? minute)
        // After a large step back, the minutes follow the clock again.
        if let known = current, known - minute > Int64(Self.length) { current = minute }
        minutes.removeFirst(Int(passed))
        minutes += Array(repeating: Minute(), count: Int(passed))
        minutes[Self.length - 1].accepted += max(0, now.accepted - totals.accepted)
        minutes[Self.length - 1].posts += max(0, now.posts - totals.posts)
        minutes[Self.length - 1].folded += max(0, now.folded - totals.folded)
        totals = now
    }
}

extension Metrics {
    /// The numbers since the start, for `Activity`.
    var activity: Activity.Minute {
        Activity.Minute(
            accepted: alertsReceived.total, posts: messagesSent.total, folded: coalescedAlerts.total)
    }
}
