import Dispatch
import TestSupport
import Testing

@testable import Journaling
@testable import Support

/// `pulse` shows that the journal's queue is not blocked.
@Suite(.timeLimit(.minutes(1))) struct JournalPulseTests {
    @Test func aPulseWaitsForACommitThatHangs() async throws {
        let bench = try JournalBench()
        bench.script.isHeld.withLock { $0 = true }
        try bench.append([0])
        let answersAtPulse = await withCheckedContinuation { continuation in
            bench.journal.ping { continuation.resume(returning: bench.answers.withLock { $0.count }) }
            bench.script.gate.signal()
        }
        #expect(answersAtPulse == 1)
    }
}
