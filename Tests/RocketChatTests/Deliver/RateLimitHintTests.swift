import Testing

@testable import Alerts
@testable import Posting
@testable import RocketChat

@Suite struct RateLimitHintTests {
    /// 2023-11-14 22:13:20 UTC.
    private let now = Timestamp(seconds: 1_700_000_000, nanoseconds: 0)
    private static let sentence =
        "Error, too many requests. Please slow down. You must wait 28 seconds before trying this endpoint again."

    private func wait(
        retryAfter: String? = nil, error: String? = nil, reset: String? = nil, date: String? = nil
    ) -> Duration {
        let answer = HookResponse(
            status: 429, date: date, retryAfter: retryAfter, rateLimit: .init(reset: reset))
        return RateLimitHint(answer, error: error, now: now).wait
    }

    @Test func theMostTrustworthyHintWins() {
        #expect(wait(retryAfter: "7", error: Self.sentence, reset: "1700000045000") == .seconds(7))
        #expect(wait(error: Self.sentence, reset: "1700000045000") == .seconds(28))
        #expect(wait(reset: "1700000045500") == .milliseconds(45_500))
        #expect(wait() == .seconds(60))
    }

    @Test(arguments: [
        ("Tue, 14 Nov 2023 22:13:50 GMT", 30), ("Tuesday, 14-Nov-23 22:13:50 GMT", 30),
        ("Tue Nov 14 22:13:50 2023", 30), ("Tue, 14 Nov 2023 22:00:00 GMT", 1), ("Wed, 15 Nov 2023 00:00:00 GMT", 120),
    ])
    func retryAfterMayBeADate(text: String, seconds: Int) {
        #expect(wait(retryAfter: text) == .seconds(seconds))
    }

    @Test func datesAreMeasuredAgainstTheServersOwnClock() {
        let ahead = "Tue, 14 Nov 2023 23:13:20 GMT"
        #expect(wait(retryAfter: "Tue, 14 Nov 2023 23:13:32 GMT", date: ahead) == .seconds(12))
        #expect(wait(reset: "1700003609000", date: ahead) == .seconds(9))
    }

    @Test(arguments: [
        ("0", 1), ("1", 1), ("120", 120), ("121", 120), ("99999999999999999999999", 120), ("-5", 60), ("soon", 60),
        ("", 60),
    ])
    func waitsStayWithinOneSecondAndTwoMinutes(text: String, seconds: Int) {
        #expect(wait(retryAfter: text) == .seconds(seconds))
    }

    @Test(arguments: [
        "Infinity", "1700000045", "0", "-1", "", "17000000450000000", "9223372036854775807", "1.7e12",
    ])
    func invalidResetIsIgnored(reset: String) {
        #expect(wait(reset: reset) == .seconds(60))
    }

    @Test(arguments: ["wait", "wait a bit", "wait 5", "wait 5 minutes", "wait -5 seconds", "5 seconds"])
    func sentenceWithoutSecondsIsIgnored(text: String) {
        #expect(wait(error: text) == .seconds(60))
    }

    @Test func exhaustedBudgetPausesUntilTheReset() {
        func refill(_ remaining: String?, _ reset: String?) -> Duration? {
            let answer = HookResponse(status: 200, rateLimit: .init(remaining: remaining, reset: reset))
            return RateLimitHint(answer, error: nil, now: now).pause
        }
        #expect(refill("0", "1700000020000") == .seconds(20))
        #expect(refill("0", "1700009999000") == .seconds(120))
        #expect(refill("1", "1700000020000") == nil)
        #expect(refill("Infinity", "1700000020000") == nil)
        #expect(refill("0", "1700000000000") == nil)
        #expect(refill("0", nil) == nil)
    }

    @Test(arguments: [
        (503, "30", Duration.seconds(30)), (503, "9999", .seconds(120)), (502, "1", .seconds(1)),
        (429, "7", .seconds(7)), (503, "Tue, 14 Nov 2023 22:13:50 GMT", .seconds(30)), (503, "0", nil),
        (503, "soon", nil), (503, "Tue, 14 Nov 2023 22:13:10 GMT", nil), (200, "30", nil), (302, "30", nil),
    ])
    func retryAfterPausesPosting(status: Int, retryAfter: String, pause: Duration?) {
        let answer = HookResponse(status: status, date: "Tue, 14 Nov 2023 22:13:20 GMT", retryAfter: retryAfter)
        #expect(RateLimitHint(answer, error: nil, now: now).pause == pause)
    }
}
