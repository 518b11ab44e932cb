import Alerts
import Support

/// Computes ages by a wall clock that may jump, checked against the monotonic clock.
///
/// A jump of more than ten minutes counts only after two further checks, five minutes apart, confirm it. Until then
/// ages advance by the monotonic clock. There is no monotonic clock for the time before the process started. So a gap
/// of more than ten minutes before the start counts only after two checks agree. An error only makes an age too low, so
/// an alert is delivered rather than expired.
struct AgeClock: Sendable {
    typealias Instant = ContinuousClock.Instant

    private static let tolerance = Duration.seconds(600)
    private static let checkInterval = Duration.seconds(300)
    private static let checksNeeded = 2

    /// A reading of the wall clock and the monotonic clock.
    private struct Reading {
        var wall: Timestamp
        var steady: Instant

        func isContinued(by other: Reading) -> Bool {
            let deviation = other.wall.since(wall) - (other.steady - steady)
            return deviation <= AgeClock.tolerance && deviation >= .zero - AgeClock.tolerance
        }
    }

    /// A reading that waits to be confirmed.
    private struct Claim {
        var first: Reading
        var lastCheck: Instant
        var confirmations = 0

        /// Whether it is confirmed now; nil if the reading contradicts it.
        mutating func confirm(_ reading: Reading) -> Bool? {
            guard first.isContinued(by: reading) else { return nil }
            if reading.steady - lastCheck >= AgeClock.checkInterval {
                confirmations += 1
                lastCheck = reading.steady
            }
            return confirmations >= AgeClock.checksNeeded
        }
    }

    private let start: Reading
    /// The reading from which the monotonic clock counts.
    private var base: Reading
    /// The claim that the clock was right at the start; nil once it is confirmed.
    private var startClaim: Claim?
    /// The claim that the clock has jumped and is right now.
    private var jump: Claim?

    init(wall: Timestamp, steady: Instant) {
        start = Reading(wall: wall, steady: steady)
        base = start
        startClaim = Claim(first: start, lastCheck: steady)
    }

    /// - Parameter moment: the wall clock time of acceptance.
    mutating func age(of moment: Timestamp, wall: Timestamp, steady: Instant) -> Duration {
        let reading = Reading(wall: wall, steady: steady)
        let counted = steady - base.steady
        if base.isContinued(by: reading) {
            jump = nil
            if startClaim?.confirm(reading) == true { startClaim = nil }
            let age = wall.since(moment)
            return startClaim == nil ? age : capped(age, moment, steady)
        }
        if jump?.confirm(reading) == nil { jump = Claim(first: reading, lastCheck: steady) }
        if jump?.confirmations ?? 0 >= Self.checksNeeded {
            base = reading
            jump = nil
            startClaim = nil
            return wall.since(moment)
        }
        let age = min(base.wall.since(moment) + counted, wall.since(moment))
        return startClaim == nil ? age : capped(age, moment, steady)
    }

    /// Counts moments that precede the start by more than the tolerance only from the start.
    private func capped(_ age: Duration, _ moment: Timestamp, _ steady: Instant) -> Duration {
        start.wall.since(moment) > Self.tolerance ? min(age, steady - start.steady) : age
    }
}

/// The `AgeClock` that all queues share.
final class NotificationAges: Sendable {
    private let clock = Locked(AgeClock(wall: .now(), steady: .now))

    func age(of moment: Timestamp) -> Duration {
        clock.withLock { $0.age(of: moment, wall: .now(), steady: .now) }
    }
}
