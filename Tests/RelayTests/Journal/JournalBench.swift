import Libevent

@testable import Alerts
@testable import Journaling
@testable import Posting
@testable import Relay
@testable import RocketChat
@testable import SQLiteJournal
@testable import Support

/// A journal on a scripted store, with its recorded acknowledgements.
final class JournalBench: Sendable {
    typealias Acknowledgement = Journal<Int>.Acknowledgement

    let script = ScriptedJournalStore.Script()
    let answers = Locked<[[Acknowledgement]]>([])
    let failures = Locked<[String]>([])
    let clock = Locked(Timestamp.sample)
    let journal: Journal<Int>

    init(
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

    var tickets: [Int] { answers.withLock { $0.joined().map(\.ticket) } }

    func results() -> [Result<AppendOutcome, JournalRefusal>] {
        answers.withLock { $0.joined().map(\.result) }
    }

    func append(_ keys: some Sequence<Int>) throws {
        for key in keys {
            try journal.append(JournalSamples.batch(key), for: key)
        }
    }

    /// Polls until the condition is true.
    func wait(_ condition: @escaping @Sendable () -> Bool) async throws {
        while !condition() {
            try await Task.sleep(for: .milliseconds(1))
        }
    }

    func waitForAnswers(_ count: Int) async throws {
        try await wait { [self] in tickets.count >= count }
    }

    /// Waits until the journal's queue is idle.
    func idle() {
        journal.withWriter { _ in }
    }
}
