import Alerts
import RocketChat
import SQLiteJournal

/// Tells how old something is by a wall clock that may leap, checked against one that does not.
///
/// A leap of more than ten minutes counts only once two further looks, five minutes apart each, have found the clock
/// where it leapt to: until then time goes on as the steady clock has it. The same goes for the time before the process
/// started, of which there is no steady clock: of a gap of more than ten minutes nothing counts before two looks after
/// the start agree. A wrong age only ever is too low, so that an alert is told rather than expired.
struct AgeClock: Sendable {
    typealias Instant = ContinuousClock.Instant

    private static let tolerance = Duration.seconds(600)
    private static let pauseBetweenLooks = Duration.seconds(300)
    private static let looksNeeded = 2

    /// A wall clock's reading beside the steady clock's.
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
        var lastLook: Instant
        var confirmations = 0

        /// Whether it is confirmed now; nil where it is contradicted.
        mutating func look(_ reading: Reading) -> Bool? {
            guard first.isContinued(by: reading) else { return nil }
            if reading.steady - lastLook >= AgeClock.pauseBetweenLooks {
                confirmations += 1
                lastLook = reading.steady
            }
            return confirmations >= AgeClock.looksNeeded
        }
    }

    private let start: Reading
    /// What the steady clock is counted on from.
    private var base: Reading
    /// That the clock was right at the start; nil once it is confirmed.
    private var startClaim: Claim?
    /// That the clock leapt and is right now.
    private var leap: Claim?

    init(wall: Timestamp, steady: Instant) {
        start = Reading(wall: wall, steady: steady)
        base = start
        startClaim = Claim(first: start, lastLook: steady)
    }

    /// - Parameter moment: by the wall clock, when something was accepted.
    mutating func age(of moment: Timestamp, wall: Timestamp, steady: Instant) -> Duration {
        let reading = Reading(wall: wall, steady: steady)
        let counted = steady - base.steady
        if base.isContinued(by: reading) {
            leap = nil
            if startClaim?.look(reading) == true { startClaim = nil }
            let age = wall.since(moment)
            return startClaim == nil ? age : capped(age, moment, steady)
        }
        if leap?.look(reading) == nil { leap = Claim(first: reading, lastLook: steady) }
        if leap?.confirmations ?? 0 >= Self.looksNeeded {
            base = reading
            leap = nil
            startClaim = nil
            return wall.since(moment)
        }
        let age = min(base.wall.since(moment) + counted, wall.since(moment))
        return startClaim == nil ? age : capped(age, moment, steady)
    }

    /// What came before the start by more than the tolerance counts from the start on.
    private func capped(_ age: Duration, _ moment: Timestamp, _ steady: Instant) -> Duration {
        start.wall.since(moment) > Self.tolerance ? min(age, steady - start.steady) : age
    }
}
