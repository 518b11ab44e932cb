import Foundation
import Testing

@testable import Alerts

@Suite struct TimeDisplayTests {
    @Test(arguments: [
        (0, "0 s"), (45, "45 s"), (60, "1 m"), (3_599, "59 m"), (3_600, "1 h"), (7_980, "2 h 13 m"), (86_400, "1 d"),
        (273_700, "3 d 4 h"),
    ])
    func durationsAreHumanized(seconds: Int, words: String) {
        #expect(Duration.seconds(seconds).humanized == words)
    }

    @Test func datesAgreeWithFoundation() {
        let formatter = ISO8601DateFormatter()
        for step in Int64(0)..<2_000 {
            let moment = Timestamp(seconds: step * 41_234_567, nanoseconds: 0)
            let expected = formatter.string(from: Date(timeIntervalSince1970: TimeInterval(moment.seconds)))
            #expect(DisplayZone.utc.moment(moment) == expected.prefix(16).replacing("T", with: " ") + " UTC")
        }
    }

    @Test(arguments: [
        (Timestamp.start as Timestamp?, "Firing since 2026-11-23 17:04 UTC (10 m)"),
        (Timestamp.start.plus(630), "Firing since 2026-11-23 17:14 UTC (0 s)"),
        (Timestamp.start.plus(960), "Firing; its start, 2026-11-23 17:20 UTC, lies in the future"),
        (nil, "Firing since an unknown time"),
        (Timestamp(seconds: -62_135_596_800, nanoseconds: 0), "Firing since an unknown time"),
        (Timestamp(seconds: .max, nanoseconds: 0), "Firing since an unknown time"),
        (Timestamp(seconds: .min, nanoseconds: 0), "Firing since an unknown time"),
    ])
    func firingAlertStatesItsStart(start: Timestamp?, words: String) {
        #expect(Alert.make(startsAt: start).history(now: .start.plus(600), zone: .utc) == words)
    }

    @Test(arguments: [
        (
            Timestamp.start as Timestamp?, Timestamp.start.plus(960),
            "Resolved. Fired from 2026-11-23 17:04 to 17:20 UTC (16 m)"
        ),
        (
            Timestamp.start, Timestamp.start.plus(90_000),
            "Resolved. Fired from 2026-11-23 17:04 to 2026-11-24 18:04 UTC (1 d 1 h)"
        ),
        (Timestamp.start, Timestamp.start.plus(-1), "Resolved at 2026-11-23 17:03 UTC"),
        (nil, Timestamp.start, "Resolved at 2026-11-23 17:04 UTC"),
    ])
    func resolvedAlertStatesStartAndEnd(start: Timestamp?, end: Timestamp, words: String) {
        #expect(Alert.make(status: .resolved, startsAt: start, endsAt: end).history(now: .start, zone: .utc) == words)
    }

    @Test func resolvedAlertWithoutAnEndIsStatedAsResolved() {
        var alert = Alert.make(status: .resolved)
        alert.endsAt = nil
        #expect(alert.history(now: .start, zone: .utc) == "Resolved. Fired from 2026-11-23 17:04 UTC")
        alert.startsAt = nil
        #expect(alert.history(now: .start, zone: .utc) == "Resolved")
    }

    @Test func dayIsOmittedIfItIsToday() {
        #expect(DisplayZone.utc.recent(.start, now: .start.plus(600)) == "17:04 UTC")
        #expect(DisplayZone.utc.recent(.start, now: .start.plus(90_000)) == "2026-11-23 17:04 UTC")
    }
}
