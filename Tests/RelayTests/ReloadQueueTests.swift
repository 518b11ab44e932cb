import Dispatch
import Libevent
import Testing

@testable import Relay
@testable import Support

@Suite(.timeLimit(.minutes(1))) struct ReloadQueueTests {
    /// Reads that a test completes one by one. Each returns its number.
    private final class Reads: Sendable {
        let started = Locked(0)
        let running = Locked(0)
        let overlapped = Locked(false)
        let gate = DispatchSemaphore(value: 0)
        let applied = Locked<[Int]>([])
        let answers = Locked<[Bool]>([])
        let problem = ConfigurationError(problems: [ConfigurationProblem(key: "key", message: "wrong")])
        let failing: Set<Int>

        init(failing: Set<Int> = []) {
            self.failing = failing
        }

        @LoopActor func makeQueue() -> ReloadQueue<Int> {
            ReloadQueue(
                read: { [self] in read() },
                apply: { [self] result in applied.withLock { $0.append((try? result.get()) ?? -1) } })
        }

        /// Makes several requests in one call, because each hop to the loop may wait for a busy thread.
        @LoopActor func request(_ queue: ReloadQueue<Int>, times: Int = 1) {
            for _ in 0..<times {
                queue.request { [self] error in answers.withLock { $0.append(error == nil) } }
            }
        }

        func read() -> Result<Int, ConfigurationError> {
            let isFirst = running.withLock { running in
                running += 1
                return running == 1
            }
            if !isFirst { overlapped.withLock { $0 = true } }
            let number = started.withLock { started in
                started += 1
                return started
            }
            gate.wait()
            running.withLock { $0 -= 1 }
            return failing.contains(number) ? .failure(problem) : .success(number)
        }

        func wait(_ condition: @Sendable (Reads) -> Bool) async throws {
            while !condition(self) { try await Task.sleep(for: .milliseconds(1)) }
        }
    }

    /// If reads ran concurrently, the first could end last and apply older settings.
    @Test func aSecondReloadWaitsAndWins() async throws {
        let reads = Reads()
        let queue = await reads.makeQueue()
        await reads.request(queue)
        try await reads.wait { $0.started.withLock { $0 } == 1 }
        await reads.request(queue)
        #expect(reads.started.withLock { $0 } == 1)
        reads.gate.signal()
        try await reads.wait { $0.started.withLock { $0 } == 2 }
        #expect(reads.answers.withLock { $0 } == [true])
        reads.gate.signal()
        try await reads.wait { $0.answers.withLock { $0.count } == 2 }
        #expect(reads.applied.withLock { $0 } == [1, 2])
        #expect(!reads.overlapped.withLock { $0 })
    }

    @Test func requestsDuringAReadShareTheNextAndEachIsAnswered() async throws {
        let reads = Reads(failing: [2])
        let queue = await reads.makeQueue()
        await reads.request(queue, times: 51)
        reads.gate.signal()
        reads.gate.signal()
        try await reads.wait { $0.answers.withLock { $0.count } == 51 }
        #expect(reads.answers.withLock { $0 } == [true] + Array(repeating: false, count: 50))
        #expect(reads.applied.withLock { $0 } == [1, -1])
    }

    /// Work that applies the current settings again must not end after a newer read and replace it.
    @Test func idleWorkIsSkippedDuringAReload() async throws {
        let reads = Reads()
        let queue = await reads.makeQueue()
        await reads.request(queue)
        await queue.runIfIdle {
            .success(100)
        } apply: { result in
            reads.applied.withLock { $0.append((try? result.get()) ?? -1) }
        }
        reads.gate.signal()
        try await reads.wait { $0.answers.withLock { $0.count } == 1 }
        #expect(reads.applied.withLock { $0 } == [1])
        await queue.runIfIdle {
            .success(100)
        } apply: { result in
            reads.applied.withLock { $0.append((try? result.get()) ?? -1) }
        }
        try await reads.wait { $0.applied.withLock { $0.count } == 2 }
        #expect(reads.applied.withLock { $0 } == [1, 100])
    }
}
