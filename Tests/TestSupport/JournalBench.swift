// Modules that are built for release cannot be imported with @testable.
#if DEBUG
    package import Alerts
    @testable package import Journaling
    package import Support

    /// A journal on a scripted store, with its recorded acknowledgements.
    package final class JournalBench: Sendable {
        package typealias Acknowledgement = Journal<Int>.Acknowledgement

        package let script = ScriptedJournalStore.Script()
        package let answers = Locked<[[Acknowledgement]]>([])
        package let failures = Locked<[String]>([])
        package let clock = Locked(Timestamp.sample)
        package let journal: Journal<Int>

        package init(
            _ settings: JournalSettings = JournalSettings(),
            prepare: (inout ScriptedJournalStore.Script.Plan) -> Void = { _ in },
            on store: ((ScriptedJournalStore.Script) -> any JournalStore)? = nil
        ) throws {
            script.plan.withLock { prepare(&$0) }
            let script = script
            let (answers, failures, clock) = (answers, failures, clock)
            journal = try Journal(
                opening: store?(script) ?? ScriptedJournalStore(script), settings: settings,
                now: { clock.withLock { $0 } },
                onFailure: { reason in failures.withLock { $0.append(reason) } },
                acknowledge: { list in answers.withLock { $0.append(list) } })
        }

        package var tickets: [Int] { answers.withLock { $0.joined().map(\.ticket) } }

        package func results() -> [Result<AppendOutcome, JournalRefusal>] {
            answers.withLock { $0.joined().map(\.result) }
        }

        package func append(_ keys: some Sequence<Int>) throws {
            for key in keys {
                try journal.append(JournalSamples.batch(key), for: key)
            }
        }

        /// Polls until the condition is true.
        package func wait(_ condition: @escaping @Sendable () -> Bool) async throws {
            while !condition() {
                try await Task.sleep(for: .milliseconds(1))
            }
        }

        package func waitForAnswers(_ count: Int) async throws {
            try await wait { [self] in tickets.count >= count }
        }

        /// Waits until the journal's queue is idle.
        package func idle() {
            journal.withWriter { _ in }
        }
    }
#endif
