import Testing

@testable import Alerts
@testable import Journaling
@testable import Relay
@testable import RocketChat
@testable import SQLiteJournal
@testable import Support

@Suite struct AgeClockTests {
    private let start = ContinuousClock.now
    private static let year = Duration.seconds(365 * 86_400)

    /// A wall clock beside a steady one, of which only the first leaps.
    private struct Clocks {
        var clock: AgeClock
        var wall: Timestamp
        var steady: ContinuousClock.Instant

        init(_ start: ContinuousClock.Instant) {
            (wall, steady) = (.sample, start)
            clock = AgeClock(wall: wall, steady: steady)
        }

        mutating func pass(_ duration: Duration) {
            steady += duration
            leap(duration)
        }

        mutating func leap(_ duration: Duration) {
            wall = wall.advanced(bySeconds: duration.components.seconds)
        }

        mutating func age(of moment: Timestamp) -> Duration { clock.age(of: moment, wall: wall, steady: steady) }
    }

    @Test func timeThatPassesCounts() {
        var clocks = Clocks(start)
        let moment = clocks.wall
        for day in 1...400 {
            clocks.pass(.seconds(86_400))
            #expect(clocks.age(of: moment) == .seconds(86_400 * day))
        }
    }

    @Test(arguments: [year * 2, year * -30, .seconds(3600), .seconds(601), .seconds(-601)])
    func aLeapCountsOnlyOnceTwoLooksHaveFoundIt(leap: Duration) {
        var clocks = Clocks(start)
        let moment = clocks.wall
        clocks.pass(.seconds(3600))
        clocks.leap(leap)
        for minute in 0..<10 {
            #expect(clocks.age(of: moment) <= .seconds(3600 + 60 * minute), "minute \(minute)")
            clocks.pass(.seconds(60))
        }
        #expect(clocks.age(of: moment) == .seconds(3600 + 600) + leap)
        clocks.pass(.seconds(86_400))
        #expect(clocks.age(of: moment) == .seconds(3600 + 600 + 86_400) + leap)
    }

    @Test func aClockThatLeapsBackIsBelievedAtOnce() {
        var clocks = Clocks(start)
        let moment = clocks.wall
        clocks.leap(Self.year)
        #expect(clocks.age(of: moment) == .zero)
        clocks.pass(.seconds(400))
        #expect(clocks.age(of: moment) == .seconds(400))
        clocks.leap(.zero - Self.year)
        clocks.pass(.seconds(400))
        #expect(clocks.age(of: moment) == .seconds(800))
        // It begins anew with the next.
        clocks.leap(Self.year * 2)
        for _ in 0..<9 {
            #expect(clocks.age(of: moment) < .seconds(86_400))
            clocks.pass(.seconds(60))
        }
    }

    @Test func aClockThatLeapsAllTheTimeIsNeverBelieved() {
        var clocks = Clocks(start)
        let moment = clocks.wall
        for hour in 1...100 {
            clocks.pass(.seconds(3600))
            clocks.leap(Self.year)
            #expect(clocks.age(of: moment) <= .seconds(3600 * hour))
        }
    }

    @Test func ofTheTimeBeforeTheStartNothingCountsBeforeTwoLooks() {
        var clocks = Clocks(start)
        let (old, recent) = (clocks.wall.advanced(bySeconds: -86_400), clocks.wall.advanced(bySeconds: -500))
        #expect(clocks.age(of: recent) == .seconds(500))
        for minute in 0..<10 {
            #expect(clocks.age(of: old) == .seconds(60 * minute))
            clocks.pass(.seconds(60))
        }
        #expect(clocks.age(of: old) == .seconds(86_400 + 600))
    }

    @Test func smallStepsOfTheClockAreNothing() {
        var clocks = Clocks(start)
        let moment = clocks.wall
        clocks.pass(.seconds(1000))
        clocks.leap(.seconds(-300))
        #expect(clocks.age(of: moment) == .seconds(700))
    }
}
