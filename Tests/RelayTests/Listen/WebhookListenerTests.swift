import Dispatch
import Libevent
import TestSupport
import Testing

@testable import Journaling
@testable import Relay
@testable import Support

/// Responses of the listener: draining, overdue commits and refusals of the journal.
@Suite(.timeLimit(.minutes(1))) @LoopActor struct WebhookListenerTests {
    private func count(_ status: String, of bench: ListenerBench, route: String = "/webhook") -> Int {
        bench.metrics.httpRequests[route, status].current
    }

    // MARK: Draining

    /// Alertmanager retries 5xx only, so a draining relay must not refuse by credentials or limits.
    @Test func drainingListenerAnswers503() async throws {
        let bench = try ListenerBench { $0.authTokens = [Secret("token")] }
        bench.listener.isDraining = true
        for headers in [[], ["Authorization: Bearer wrong"], ["Authorization: Bearer token"]] {
            let answer = await bench.post(warningBody("A"), headers: headers)
            #expect(answer?.status == 503 && answer?.headers["retry-after"] == "5")
            #expect(answer?.body.contains("shutting down") == true)
        }
        let readiness = await bench.get("/-/ready")
        #expect(readiness?.status == 503 && readiness?.headers["retry-after"] == "5")
        #expect(readiness?.body.contains("draining") == true)
        #expect(await bench.get("/-/healthy")?.status == 200)
        #expect(bench.metrics.payloadsRejected["draining"].current == 3 && count("503", of: bench) == 3)
        #expect(bench.script.transactions.isEmpty)
        bench.listener.isDraining = false
        #expect(await bench.post(warningBody("A"))?.status == 401)
        #expect(await bench.get("/-/ready")?.status == 200)
        await bench.stop()
    }

    // MARK: Overdue

    @Test func lateCommitIsNotAnsweredAgainAndIsDelivered() async throws {
        let bench = try ListenerBench { $0.limits.replyTimeout = .milliseconds(50) }
        let (port, script, room, body) = (bench.port, bench.script, bench.room, warningBody("A"))
        bench.holdCommits()
        let answers = await offLoop {
            let client = Client(port: port)
            let overdue = client.request("POST", "/webhook", body: body)
            script.releaseCommits()
            let isDelivered = eventually { room.posts.count == 1 }
            // On the same connection, so that a second response to the webhook would be read here.
            let next = client.request("GET", "/-/healthy")
            return (overdue, isDelivered, next, client.request("POST", "/webhook", body: body))
        }
        #expect(answers.0?.status == 503 && answers.0?.headers["retry-after"] == "5")
        #expect(answers.1 && answers.2?.body == "OK\n")
        #expect(answers.3?.status == 200, "the retry is a duplicate")
        #expect(bench.metrics.payloadsRejected["overdue"].current == 1)
        #expect(count("503", of: bench) == 1 && count("200", of: bench) == 1)
        #expect(bench.acceptedAlerts == 1 && bench.metrics.duplicatesSuppressed[].current == 1)
        try await bench.waitUntilSettled()
        #expect(bench.room.posts.count == 1 && bench.room.posts[0].text.contains("A"))
        await bench.stop()
    }

    @Test func lateRefusalIsNotAnsweredAgain() async throws {
        let bench = try ListenerBench(JournalSettings(inspectionInterval: .milliseconds(5))) {
            $0.limits.replyTimeout = .milliseconds(50)
        }
        bench.script.plan.withLock { $0.failures = [.full(.journalLimit)] }
        bench.holdCommits()
        #expect(await bench.post(warningBody("A"))?.status == 503)
        bench.releaseCommits()
        // The journal fails the commit, and opens again at its next inspection.
        try await bench.wait { bench.log.lines.contains { $0.hasPrefix("error journal is full") } }
        try await bench.wait { bench.intake.journal.state == .open }
        #expect(await bench.post(warningBody("A"))?.status == 200)
        #expect(bench.metrics.payloadsRejected["overdue"].current == 1 && count("503", of: bench) == 1)
        #expect(bench.metrics.payloadsRejected["journal"].current == 0, "a webhook is counted once")
        #expect(bench.acceptedAlerts == 1)
        await bench.stop()
    }

    // MARK: Refusals of the journal

    @Test func refusedBatchIsNeitherCountedNorDispatched() async throws {
        let bench = try ListenerBench()
        bench.script.plan.withLock { plan in
            plan.failures = [.full(.journalLimit)]
            plan.hasCapacity = false
        }
        // The first is refused by its commit, the second at once.
        for _ in 0..<2 {
            let answer = await bench.post(warningBody("A"))
            #expect(answer?.status == 503 && answer?.headers["retry-after"] == "5")
            #expect(answer?.body.contains("the journal is full") == true)
        }
        #expect(bench.metrics.payloadsRejected["journal"].current == 2 && count("503", of: bench) == 2)
        #expect(bench.acceptedAlerts == 0 && bench.metrics.duplicatesSuppressed[].current == 0)
        #expect(bench.script.transactions.count == 1 && bench.room.requests.isEmpty)
        await bench.stop()
    }

    @Test(arguments: [UnavailableReason.readOnly, .durability])
    func unavailableJournalIsNotReady(reason: UnavailableReason) async throws {
        let bench = try ListenerBench(JournalSettings(inspectionInterval: .milliseconds(5)))
        bench.script.plan.withLock { $0.inspectionFailure = .unavailable(reason) }
        try await bench.wait { bench.intake.journal.state == .unavailable(reason) }
        for answer in [await bench.post(warningBody("A")), await bench.get("/-/ready")] {
            #expect(answer?.status == 503 && answer?.headers["retry-after"] == "5")
            #expect(answer?.body.contains("the journal is unavailable: \(reason)") == true)
        }
        #expect(await bench.get("/-/healthy")?.status == 200)
        #expect(bench.metrics.payloadsRejected["journal"].current == 1)
        bench.script.plan.withLock { $0.inspectionFailure = nil }
        try await bench.wait { bench.intake.journal.state == .open }
        #expect(await bench.post(warningBody("A"))?.status == 200)
        #expect(await bench.get("/-/ready")?.status == 200)
        #expect(bench.log.lines.contains { $0.hasPrefix("error journal is unavailable, webhooks are refused") })
        await bench.stop()
    }

    /// Beside a commit that hangs, one webhook of any size waits; another one would exceed the bytes.
    @Test func webhookBeyondTheInboxGets503() async throws {
        let bench = try ListenerBench(JournalSettings(inboxBytes: 100))
        bench.holdCommits()
        async let first = bench.post(warningBody("A"))
        try await bench.wait { bench.script.plan.withLock { $0.isWaiting } }
        async let second = bench.post(warningBody("B"))
        async let third = bench.post(warningBody("C"))
        try await bench.wait { count("503", of: bench) == 1 }
        #expect(bench.metrics.payloadsRejected["journal"].current == 1 && count("200", of: bench) == 0)
        bench.releaseCommits()
        let answers = await [first, second, third]
        #expect(answers.map { $0?.status ?? 0 }.sorted() == [200, 200, 503])
        let refusal = answers.first { $0?.status == 503 } ?? nil
        #expect(refusal?.headers["retry-after"] == "5")
        #expect(refusal?.body.contains("too many webhooks are waiting for the disk") == true)
        #expect(bench.acceptedAlerts == 2)
        try await bench.wait { bench.room.posts.count == 2 }
        await bench.stop()
    }
}
