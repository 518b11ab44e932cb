import TestSupport
import Testing

@testable import Alerts
@testable import Journaling

@Suite struct JournalSharesTests {
    private func usage(_ used: Int64) -> JournalUsage {
        JournalUsage(usedBytes: used, limitBytes: 1_100_000, appendLimitBytes: 1_000_000)
    }

    private func batch(_ severities: Severity..., size: Int = 1000) -> AlertBatch {
        let body = String(repeating: "x", count: size)
        return JournalSamples.batch(1, severities.map { JournalSamples.notification($0, body: body) })
    }

    @Test(arguments: [
        (0, ""), (699_999, ""), (700_000, "info"), (800_000, "info warning"), (900_000, "fallback info warning"),
        (1_100_000, "fallback info warning"),
    ])
    func severitiesAreRefusedInTheOrderOfTheirUrgency(used: Int64, refused: String) {
        var shares = JournalShares()
        shares.update(usage(used))
        #expect(shares.refused.map(\.rawValue).sorted().joined(separator: " ") == refused)
    }

    @Test func severityIsAcceptedAgainWellBelowItsShare() {
        var shares = JournalShares()
        shares.update(usage(950_000))
        shares.update(usage(699_000))
        #expect(shares.refused == [.info])
        shares.update(usage(612_500))
        #expect(shares.refused == [])
    }

    @Test func aWebhookIsDecidedByItsMostUrgentAlert() {
        var shares = JournalShares()
        let full = usage(950_000)
        shares.update(full)
        #expect(shares.admit(batch(.info), used: 950_000, full) == .exhausted)
        #expect(shares.admit(batch(.warning, .info), used: 950_000, full) == .exhausted)
        #expect(shares.admit(batch(.info, .critical), used: 950_000, full) == .admitted)
        #expect(shares.admit(batch(), used: 950_000, full) == .admitted)
        let nearly = usage(850_000)
        #expect(shares.admit(batch(.fallback, .info), used: 850_000, nearly) == .exhausted, "refused until 787,500")
        shares.update(usage(787_000))
        #expect(shares.admit(batch(.fallback, .info), used: 787_000, nearly) == .admitted)
    }

    /// Batches admitted since the last commit count.
    @Test func aShareIsNotOverdrawnByOneCommit() {
        var shares = JournalShares()
        let now = usage(600_000)
        var used: Int64 = 600_000
        var admitted = 0
        while shares.admit(batch(.info, size: 5000), used: used, now) == .admitted {
            used += batch(.info, size: 5000).journalBytes
            admitted += 1
        }
        #expect(admitted == 9 && used <= 700_000)
        #expect(shares.refused == [.info])
        #expect(shares.admit(batch(.warning, size: 5000), used: used, now) == .admitted)
    }

    @Test func oneLargeWebhookDoesNotShutOutSmallOnes() {
        var shares = JournalShares()
        let now = usage(500_000)
        #expect(shares.admit(batch(.info, size: 400_000), used: 500_000, now) == .tooLarge)
        #expect(shares.admit(batch(.info), used: 500_000, now) == .admitted)
        #expect(shares.admit(batch(.critical, size: 2_000_000), used: 0, usage(0)) == .tooLarge)
    }

    /// A journal without a limit, and one whose limit was lowered below its size.
    @Test(arguments: [Int64.max, 0])
    func extremeLimitsDoNotOverflow(limit: Int64) {
        var shares = JournalShares()
        let usage = JournalUsage(usedBytes: .max / 2, limitBytes: limit, appendLimitBytes: limit)
        shares.update(usage)
        #expect(shares.refused.isEmpty == (limit == .max))
        let verdict = shares.admit(batch(.critical), used: usage.usedBytes, usage)
        #expect(verdict == (limit == .max ? .admitted : .exhausted))
    }
}
