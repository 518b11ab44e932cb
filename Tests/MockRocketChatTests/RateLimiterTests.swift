import Testing

@testable import MockRocketChat

/// Section 2 of docs/rocketchat.md.
@Suite
struct RateLimiterTests {
    private let limit = RateLimiter.Limit(calls: 10, window: 60_000, mode: .enforced)

    private func isAllowed(_ limiter: inout RateLimiter, _ key: String = "k", client: String = "a", at now: Int) -> Bool
    {
        limiter.take(key, client: client, limit: limit, now: now).refusal == nil
    }

    @Test func eleventhCallOfAWindowIsRefused() {
        var limiter = RateLimiter()
        for call in 0..<10 { #expect(isAllowed(&limiter, at: call)) }
        #expect(!isAllowed(&limiter, at: 60_000))
    }

    @Test func refusedCallsDoNotExtendTheWindow() {
        var limiter = RateLimiter()
        for _ in 0..<30 { _ = isAllowed(&limiter, at: 59_000) }
        #expect(!isAllowed(&limiter, at: 119_000))
        #expect(isAllowed(&limiter, at: 119_001))
    }

    @Test func burstAcrossAWindowBoundaryIsAccepted() {
        var limiter = RateLimiter()
        #expect(isAllowed(&limiter, at: 0))
        let late = (0..<9).map { _ in isAllowed(&limiter, at: 59_999) }
        let next = (0..<10).map { _ in isAllowed(&limiter, at: 60_001) }
        #expect(!(late + next).contains(false))
    }

    @Test func budgetIsPerURLAndClient() {
        var limiter = RateLimiter()
        for _ in 0..<10 { _ = isAllowed(&limiter, at: 0) }
        #expect(!isAllowed(&limiter, at: 0))
        #expect(isAllowed(&limiter, "k?x=1", at: 0))
        #expect(isAllowed(&limiter, client: "b", at: 0))
    }

    @Test func refusalMatchesRocketChatsExactly() throws {
        var limiter = RateLimiter()
        for _ in 0..<10 { _ = isAllowed(&limiter, at: 1000) }
        let reply = try #require(limiter.take("k", client: "a", limit: limit, now: 33_500).refusal)
        #expect(reply.status == 429)
        #expect(
            reply.text
                == #"{"success":false,"error":"Error, too many requests. Please slow down. You must wait 28 seconds before trying this endpoint again. [error-too-many-requests]"}"#
        )
        #expect(reply.header("X-RateLimit-Limit") == "10")
        #expect(reply.header("X-RateLimit-Remaining") == "0")
        #expect(reply.header("X-RateLimit-Reset") == "61000")
        #expect(reply.header("Retry-After") == nil)
    }

    @Test func infiniteLimitSendsHeadersOnly() {
        var limiter = RateLimiter()
        let verdicts = (0..<20).map { _ in
            limiter.take("k", client: "a", limit: RateLimiter.Limit(mode: .infinite), now: 5)
        }
        #expect(verdicts.allSatisfy { $0.refusal == nil })
        #expect(verdicts[19].headers.map(\.value) == ["10", "Infinity", "5"])
    }

    @Test func disabledLimitSendsNoHeaders() {
        var limiter = RateLimiter()
        #expect(
            limiter.take("k", client: "a", limit: RateLimiter.Limit(mode: .off), now: 5)
                == RateLimiter.Verdict(headers: []))
    }

    @Test(arguments: [("10/60s", 10, 60_000), ("1/500ms", 1, 500), ("100/2m", 100, 120_000)])
    func validRatesAreParsed(text: String, calls: Int, window: Int) {
        #expect(
            RateLimiter.Limit(text, mode: .enforced) == RateLimiter.Limit(calls: calls, window: window, mode: .enforced)
        )
    }

    @Test(arguments: ["", "10", "10/", "/60s", "0/60s", "10/0s", "10/60", "10/60h", "x/60s", "10/60s/1", "-1/60s"])
    func invalidRatesAreRefused(text: String) {
        #expect(RateLimiter.Limit(text, mode: .enforced) == nil)
    }
}
