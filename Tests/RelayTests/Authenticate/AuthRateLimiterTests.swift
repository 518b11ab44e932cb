import TestSupport
import Testing

@testable import Relay
@testable import Support

@Suite struct AuthRateLimiterTests {
    private let start = ContinuousClock.now

    private typealias Failures = AuthRateLimiter<ClientAddress.Source>

    private static func client(_ text: String) -> ClientAddress.Source {
        ClientAddress(IPAddress(text)).source
    }

    @Test func addressWaitsForARefillAfterTenFailures() {
        var failures = Failures()
        let client = Self.client("192.0.2.1")
        for _ in 0..<10 { #expect(failures.charge(client, at: start) == nil) }
        #expect(failures.charge(client, at: start) == .seconds(6))
        #expect(failures.charge(client, at: start + .seconds(4)) == .seconds(2))
        #expect(failures.charge(client, at: start + .seconds(6)) == nil)
        #expect(failures.charge(client, at: start + .seconds(6)) == .seconds(6))
    }

    @Test func emptyBucketRefillsInAMinuteUpToItsLimit() {
        var failures = Failures()
        let client = Self.client("192.0.2.1")
        for round in 0..<3 {
            let now = start + .seconds(round == 2 ? 5000 : 60 * round)
            for _ in 0..<10 { #expect(failures.charge(client, at: now) == nil) }
            #expect(failures.charge(client, at: now) != nil)
        }
    }

    @Test func addressesHaveSeparateBuckets() {
        var failures = Failures(limit: 1)
        #expect(failures.charge(Self.client("192.0.2.1"), at: start) == nil)
        #expect(failures.charge(Self.client("192.0.2.1"), at: start) != nil)
        for other in ["192.0.2.2", "2001:db8::1", "2001:db8:0:1::1", "::1"] {
            #expect(failures.charge(Self.client(other), at: start) == nil)
        }
    }

    @Test(arguments: [
        ("192.0.2.1", "::ffff:192.0.2.1"), ("2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff"), ("", "no address"),
    ])
    func addressesOfOneHostShareABucket(first: String, second: String) {
        var failures = Failures(limit: 1)
        #expect(failures.charge(Self.client(first), at: start) == nil)
        #expect(failures.charge(Self.client(second), at: start) != nil)
    }

    @Test func refundedChargesCanBeSpentAgain() {
        var failures = Failures(limit: 2)
        let client = Self.client("192.0.2.1")
        for _ in 0..<100 {
            #expect(failures.charge(client, at: start) == nil)
            failures.refund(client)
        }
        #expect(failures.charge(client, at: start) == nil)
        #expect(failures.charge(client, at: start) == nil)
        #expect(failures.charge(client, at: start) != nil)
    }

    @Test func refundsDoNotExceedTheLimit() {
        var failures = Failures(limit: 1)
        let client = Self.client("192.0.2.1")
        failures.refund(client)
        #expect(failures.count == 0)
        #expect(failures.charge(client, at: start) == nil)
        for _ in 0..<5 { failures.refund(client) }
        #expect(failures.charge(client, at: start) == nil)
        #expect(failures.charge(client, at: start) != nil)
    }

    @Test func capacityIsBoundedAndActiveAddressesAreKept() {
        var failures = Failures(limit: 1, capacity: 100)
        let known = Self.client("192.0.2.1")
        #expect(failures.charge(known, at: start) == nil)
        for number in 0..<10_000 {
            #expect(failures.charge(Self.client("10.0.\(number / 256).\(number % 256)"), at: start) == nil)
            if number % 40 == 0 { #expect(failures.charge(known, at: start) != nil) }
            #expect(failures.count <= 100)
        }
        // The last ones are remembered, the first are not.
        #expect(failures.charge(Self.client("10.0.39.15"), at: start) != nil)
        #expect(failures.charge(Self.client("10.0.0.0"), at: start) == nil)
    }

    @Test(arguments: 1...30)
    func chargesInAnySpanStayWithinLimitAndRefill(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let limit = Int.random(in: 1...15, using: &random)
        let window = Duration.seconds(Int.random(in: 1...120, using: &random))
        var failures = Failures(limit: limit, per: window)
        var passed: [ContinuousClock.Instant] = []
        var now = start
        for _ in 0..<500 {
            now += window / limit * Double.random(in: 0...2, using: &random) * (Bool.random(using: &random) ? 1 : 0.1)
            if let wait = failures.charge(Self.client("::1"), at: now) {
                #expect(wait > .zero && wait <= window / limit)
            } else {
                passed.append(now)
            }
        }
        for (index, first) in passed.enumerated() {
            for (count, last) in passed[index...].enumerated() {
                let refilled = (last - first) / (window / limit)
                #expect(Double(count + 1) <= Double(limit) + refilled + 1e-6)
            }
        }
    }
}
