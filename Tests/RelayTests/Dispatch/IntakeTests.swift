import Libevent
import TestSupport
import Testing

@testable import Journaling
@testable import Relay

/// The intake between listener, journal and dispatcher. `WebhookListenerTests` tests its refusals.
@Suite(.timeLimit(.minutes(1))) @LoopActor struct IntakeTests {
    @Test func acceptedWebhookIsCountedAndDelivered() async throws {
        let bench = try ListenerBench()
        let answer = await bench.post(warningBody("A"))
        #expect(answer?.status == 200 && answer?.body == #"{"status":"ok","processed":1}"#)
        try await bench.waitUntilSettled()
        #expect(bench.metrics.alertsReceived["warning", "firing"].current == 1 && bench.acceptedAlerts == 1)
        #expect(bench.room.posts.map { $0.text.contains("A") } == [true])
        // The journal's gauges are registered.
        let metrics = await bench.get("/metrics")
        #expect(metrics?.body.contains(#"relay_journal_pending{severity="warning"} 0"#) == true)
        await bench.stop()
    }

    @Test func duplicateIsAnsweredAndNotDispatched() async throws {
        let bench = try ListenerBench()
        for _ in 0..<3 { #expect(await bench.post(warningBody("A"))?.status == 200) }
        #expect(await bench.post(warningBody("B"))?.status == 200)
        try await bench.waitUntilSettled()
        #expect(bench.metrics.duplicatesSuppressed[].current == 2 && bench.acceptedAlerts == 2)
        #expect(bench.room.posts.count == 2)
        #expect(bench.script.transactions.flatMap(\.appends).count == 2)
        await bench.stop()
    }

    @Test func bodySetAsideIsADeadLetter() async throws {
        let poison = warningBody("Poison")
        let bench = try ListenerBench(poison: poison)
        for _ in 0..<2 {
            let answer = await bench.post(poison)
            #expect(answer?.status == 400 && answer?.body.contains("kept as a dead letter") == true)
        }
        #expect(await bench.post(warningBody("A"))?.status == 200)
        try await bench.waitUntilSettled()
        let settlements = bench.script.transactions.flatMap(\.settlements)
        let crash = JournalSettlement.dead(
            reason: .crash, attempts: 0, answer: "the relay crashed 3 times while parsing it")
        #expect(settlements.filter { $0.settlement != .delivered }.map(\.settlement) == [crash])
        let journal = bench.intake.journal
        let letters = await offLoop { (try? journal.deadLetters(limit: 10)) ?? [] }
        #expect(letters.map(\.reason) == [.crash] && letters.map(\.size) == [poison.count])
        #expect(bench.metrics.notificationsDead["fallback", "crash"].current == 1)
        #expect(bench.metrics.payloadsRejected["crash"].current == 2 && bench.acceptedAlerts == 1)
        #expect(bench.log.lines.filter { $0.hasPrefix("error webhook set aside: ") }.count == 1)
        #expect(bench.room.posts.map { $0.text.contains("Poison") } == [false])
        await bench.stop()
    }

    @Test func replayedDeadLettersAreDispatchedAndLoggedOnce() async throws {
        let poison = warningBody("Poison")
        let bench = try ListenerBench(poison: poison)
        _ = await bench.post(poison)
        try await bench.waitUntilSettled()
        let (journal, intake) = (bench.intake.journal, bench.intake)
        let ids = await offLoop {
            let ids = (try? journal.deadLetters(limit: 10).map(\.id)) ?? []
            let replayed = (try? journal.replay(ids).entries) ?? []
            intake.replay(replayed)
            intake.replay([])
            return replayed.map(\.id)
        }
        #expect(ids.count == 1)
        try await bench.waitUntilSettled()
        #expect(bench.room.posts.map { $0.text.contains("Poison") && $0.text.contains("replayed") } == [true])
        let lines = bench.log.lines.filter { $0.contains("dead letters replayed") }
        #expect(lines == ids.map { "info dead letters replayed ids=\($0)" })
        #expect(bench.acceptedAlerts == 0, "replayed alerts are not accepted again")
        await bench.stop()
    }
}
