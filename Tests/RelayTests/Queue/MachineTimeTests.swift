import DeliveryCore
import Testing

@testable import Alerts
@testable import Relay

/// No external time may cause a trap.
@Suite struct MachineTimeTests {
    @Test(arguments: [
        (Duration.zero, Int64(0)), (.nanoseconds(1), 1), (.nanoseconds(-1), -1), (.milliseconds(1_500), 1_500_000_000),
        (.milliseconds(-1_500), -1_500_000_000), (.nanoseconds(Int64.max), .max), (.nanoseconds(Int64.min), .min),
        (.nanoseconds(Int64.max) + .nanoseconds(1), .max), (.nanoseconds(Int64.min) - .nanoseconds(1), .min),
        (.seconds(Int64.max), .max), (.seconds(Int64.min), .min),
    ])
    func durationsBecomeIntervals(duration: Duration, nanoseconds: Int64) {
        #expect(Interval(duration) == Interval(nanoseconds: nanoseconds))
    }

    @Test(arguments: [0, 1, -1, Int64.max, .min])
    func intervalsBecomeDurations(nanoseconds: Int64) {
        #expect(Duration(Interval(nanoseconds: nanoseconds)) == .nanoseconds(nanoseconds))
        #expect(Interval(Duration(Interval(nanoseconds: nanoseconds))).nanoseconds == nanoseconds)
    }

    @Test func attosecondsAreCutOff() {
        #expect(Interval(Duration(secondsComponent: 2, attosecondsComponent: 999_999_999)) == .seconds(2))
    }

    @Test func readingsTranslateBothWays() {
        let reading = MachineClock.Reading(steady: Instant(nanoseconds: 100), wall: 1_000_000)
        for offset in [Int64(-1_000_000), -100, 0, 100, 1_000_000] {
            let instant = Instant(nanoseconds: 100 + offset)
            #expect(reading.wall(of: instant) == 1_000_000 + offset)
            #expect(reading.instant(ofWall: 1_000_000 + offset) == instant)
        }
    }

    @Test func extremesOfBothClocksSaturate() {
        let times: [Int64] = [.min, .min + 1, -1, 0, 1, .max - 1, .max]
        for steady in times {
            for wall in times {
                let reading = MachineClock.Reading(steady: Instant(nanoseconds: steady), wall: wall)
                for time in times {
                    _ = reading.wall(of: Instant(nanoseconds: time))
                    _ = reading.instant(ofWall: time)
                }
            }
        }
        let reading = MachineClock.Reading(steady: .init(nanoseconds: 5), wall: 1_795_000_000_000_000_000)
        #expect(reading.instant(ofWall: .min) == .distantPast)
        #expect(reading.wall(of: .distantFuture) == .min, "no wall clock shows it")
        let ancient = MachineClock.Reading(steady: .init(nanoseconds: 5), wall: .min)
        #expect(ancient.instant(ofWall: 0) == .distantPast)
    }

    @Test func clockBeginsAtZeroAndRunsWithTheSteadyOne() {
        let clock = MachineClock()
        let (first, second) = (clock.now(), clock.now())
        #expect(first >= Instant(nanoseconds: 0) && first <= second)
        #expect(second < Instant(nanoseconds: 0) + .seconds(60))
        let (before, reading, after) = (Timestamp.now(), clock.reading(), Timestamp.now())
        #expect(reading.steady >= second && reading.steady <= clock.now())
        #expect((before.nanosecondsSince1970...after.nanosecondsSince1970).contains(reading.wall))
    }
}
