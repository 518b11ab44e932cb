import TestSupport
import Testing

@testable import Alerts
@testable import Relay

@Suite struct AgeClockTests {
    private let start = ContinuousClock.now
    private static let year = Duration.seconds(365 * 86_400)

    /// A wall clock and a steady clock. Only the wall clock jumps.
    private struct Clocks {
        var clock: AgeClock
        var wall: Timestamp
        var steady: ContinuousClock.Instant

        init(_ start: ContinuousClock.Instant) {
            (wall, steady) = (.sample, start)
            clock = AgeClock(wall: wall, steady: steady)
        }

        mutating func advance(_ duration: Duration) {
            steady += duration
            jump(duration)
        }

        mutating func jump(_ duration: Duration) {
            wall = wall.advanced(bySeconds: duration.components.seconds)
        }

        mutating func age(of moment: Timestamp) -> Duration { clock.age(of: moment, wall: wall, steady: steady) }
    }

    @Test func elapsedTimeCounts() {
        var clocks = Clocks(start)
        let moment = clocks.wall
        for day in 1...400 {
            clocks.advance(.seconds(86_400))
            #expect(clocks.age(of: moment) == .seconds(86_400 * day))
        }
    }

    @Test(arguments: [year * 2, year * -30, .seconds(3600), .seconds(601), .seconds(-601)])
    func clockJumpCountsAfterTwoReadings(jump: Duration) {
        var clocks = Clocks(start)
        let moment = clocks.wall
        clocks.advance(.seconds(3600))
        clocks.jump(jump)
        for minute in 0..<10 {
            #expect(clocks.age(of: moment) <= .seconds(3600 + 60 * minute), "minute \(minute)")
            clocks.advance(.seconds(60))
        }
        #expect(clocks.age(of: moment) == .seconds(3600 + 600) + jump)
        clocks.advance(.seconds(86_400))
        #expect(clocks.age(of: moment) == .seconds(3600 + 600 + 86_400) + jump)
    }

    @Test func jumpBackToTheTrueTimeCountsImmediately() {
        var clocks = Clocks(start)
        let moment = clocks.wall
        clocks.jump(Self.year)
        #expect(clocks.age(of: moment) == .zero)
        clocks.advance(.seconds(400))
        #expect(clocks.age(of: moment) == .seconds(400))
        clocks.jump(.zero - Self.year)
        clocks.advance(.seconds(400))
        #expect(clocks.age(of: moment) == .seconds(800))
        // The next jump needs two readings again.
        clocks.jump(Self.year * 2)
        for _ in 0..<9 {
            #expect(clocks.age(of: moment) < .seconds(86_400))
            clocks.advance(.seconds(60))
        }
    }

    @Test func repeatedJumpsNeverCount() {
        var clocks = Clocks(start)
        let moment = clocks.wall
        for hour in 1...100 {
            clocks.advance(.seconds(3600))
            clocks.jump(Self.year)
            #expect(clocks.age(of: moment) <= .seconds(3600 * hour))
        }
    }

    @Test func timeBeforeTheStartCountsAfterTwoReadings() {
        var clocks = Clocks(start)
        let (old, recent) = (clocks.wall.advanced(bySeconds: -86_400), clocks.wall.advanced(bySeconds: -500))
        #expect(clocks.age(of: recent) == .seconds(500))
        for minute in 0..<10 {
            #expect(clocks.age(of: old) == .seconds(60 * minute))
            clocks.advance(.seconds(60))
        }
        #expect(clocks.age(of: old) == .seconds(86_400 + 600))
    }

    @Test func smallStepsCountImmediately() {
        var clocks = Clocks(start)
        let moment = clocks.wall
        clocks.advance(.seconds(1000))
        clocks.jump(.seconds(-300))
        #expect(clocks.age(of: moment) == .seconds(700))
    }
}
