import Testing

@testable import Relay

@Suite struct RetryPolicyTests {
    private let policy = RetryPolicy()

    @Test(arguments: [
        (1, 500), (2, 1000), (3, 2000), (4, 4000), (5, 8000), (6, 16_000), (7, 32_000), (8, 60_000), (9, 60_000),
        (1_000_000, 60_000),
    ])
    func theCeilingDoublesUpToTheCap(retry: Int, milliseconds: Int) {
        #expect(policy.ceiling(ofRetry: retry) == .milliseconds(milliseconds))
    }

    @Test(arguments: 1...12)
    func theJitterFillsTheWholeRangeAndNoMore(retry: Int) {
        var random = SeededGenerator(seed: UInt64(retry))
        let ceiling = policy.ceiling(ofRetry: retry)
        let waits = (0..<2000).map { _ in policy.backoff(beforeRetry: retry, using: &random) }
        #expect(waits.allSatisfy { $0 >= .zero && $0 <= ceiling })
        #expect(waits.contains { $0 < ceiling / 20 })
        #expect(waits.contains { $0 > ceiling / 20 * 19 })
        let mean = waits.reduce(Duration.zero, +) / 2000
        #expect(mean > ceiling / 100 * 45 && mean < ceiling / 100 * 55)
    }
}
