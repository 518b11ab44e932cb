import Testing

@testable import MockRocketChat

/// Numbers in faults and on the command line must be in range or refused.
@Suite
struct ExtremeFaultTests {
    static let numbers = [
        "9223372036854775807", "-9223372036854775808", "9223372036854775808", "-1", "0", "1e300", "4294967296",
    ]

    @Test(arguments: ["times", "status", "delayMs", "jitterMs", "growMs", "bytes", "retryAfter"], numbers)
    func everyNumberOfAFaultIsInRangeOrRefused(member: String, number: String) throws {
        // A number that is accepted must not overflow when it is used.
        guard let fault = try? Fault(try json(#"{"mode":"proxyRateLimitDate","\#(member)":\#(number)}"#)) else {
            return
        }
        #expect((0...Fault.longestDelay).contains(fault.delay) && (0...Fault.longestDelay).contains(fault.jitter))
        #expect(fault.status.map { (100...999).contains($0) } ?? true)
        _ = fault.effect(url: "h/p", now: 1_800_000_000)
        var table = FaultTable()
        table.put(fault)
        for _ in 0..<3 { _ = table.take(hook: "a") }
    }

    @Test func growingDelayStopsAtADay() throws {
        var table = FaultTable()
        table.put(try Fault(try json(#"{"delayMs":86400000,"growMs":86400000}"#)))
        for _ in 0..<3 { #expect(table.take(hook: "a").delay == Fault.longestDelay) }
    }

    @Test(arguments: ["max", "windowMs"], numbers) func everyNumberOfALimiterIsInRangeOrRefused(
        member: String, number: String
    ) throws {
        let text = #"{"limiter":{"\#(member)":\#(number),"mode":"enforced"}}"#
        guard let limit = (try? Fault(try json(text)))?.limit else { return }
        var limiter = RateLimiter()
        for now in [0, 1_800_000_000_000] { _ = limiter.take("k", client: "c", limit: limit, now: now) }
    }

    @Test(arguments: [
        "9223372036854775807/60s", "10/9223372036854775807m", "10/9223372036854775807ms", "10/0s", "0/1s", "-1/1s",
    ])
    func rateOutOfRangeIsRefused(text: String) {
        #expect(RateLimiter.Limit(text, mode: .enforced) == nil)
    }
}
