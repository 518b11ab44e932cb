import Foundation
import Libevent
import TestSupport
import Testing

@testable import Alerts
@testable import Journaling
@testable import Posting
@testable import Relay
@testable import RocketChat
@testable import Support

/// The keeper behind a real listener, with a hook at a closed port and a scripted mail server. Its own timer does not
/// fire within a test: the test sets the clock and calls `check`.
@LoopActor
private final class MailBench {
    let mailServer: ScriptedMailServer
    let bench: ListenerBench
    var elapsed = Duration.zero
    var isCutOff = true
    private(set) var keeper: LastResortKeeper?

    init(_ behavior: ScriptedMailServer.Behavior = .accept, after: Duration = .seconds(300)) throws {
        let mailServer = try ScriptedMailServer(behavior)
        self.mailServer = mailServer
        var changed = RelayConfiguration()
        let hook = try HookURL("http://127.0.0.1:\(try Loopback.freePort())/hooks/idid/tokentoken")
        let address = try #require(MailAddress("ops@example.com"))
        let server = try MailServerURL(mailServer.url)
        bench = try ListenerBench { configuration in
            configuration.hooks = [.warning: hook]
            configuration.lastResort.server = server
            configuration.lastResort.startTLS = .off
            (configuration.lastResort.from, configuration.lastResort.to) = (address, [address])
            configuration.lastResort.after = after
            changed = configuration
        }
        let journal = bench.intake.journal
        keeper = LastResortKeeper(
            OutboundPlan(configuration: changed, receivers: [:]), rows: [],
            services: .init(
                journal: journal, crashGuard: CrashGuard(HandlingFile(folder: nil)), abort: DeliveryAbort()),
            snapshot: { journal.snapshot }, cutOff: { [unowned self] in isCutOff ? [.warning] : [] },
            metrics: bench.metrics, logger: bench.log.logger
        ) { [unowned self] in
            .init(steady: elapsed, wall: Timestamp.now().advanced(by: elapsed))
        }
    }

    /// Lets the alerts wait for a time, and the keeper decide.
    func wait(_ duration: Duration) {
        keeper?.check()
        elapsed += duration
        keeper?.check()
    }

    func text(of mail: ScriptedMailServer.Mail) -> String {
        let body = mail.lines.split(separator: "", maxSplits: 1, omittingEmptySubsequences: false).last ?? []
        return String(decoding: Data(base64Encoded: body.joined()) ?? Data(), as: UTF8.self)
    }

    func stop() async {
        keeper?.stop()
        keeper = nil
        await bench.stop()
    }
}

@Suite(.timeLimit(.minutes(1))) @LoopActor struct LastResortKeeperTests {
    @Test func waitingAlertsAreMailedAndThenTheRecovery() async throws {
        let bench = try MailBench()
        #expect(await bench.bench.post(warningBody("Plätze"))?.status == 200)
        #expect(await bench.bench.post(warningBody("@all\\r\\nBcc: x@example.net"))?.status == 200)
        bench.wait(.seconds(299))
        #expect(bench.mailServer.mails.isEmpty)
        bench.wait(.seconds(1))
        try await bench.bench.wait { bench.bench.metrics.mailsSent[].current == 1 }
        let mail = try #require(bench.mailServer.mails.first)
        #expect(mail.recipients == ["RCPT TO:<ops@example.com>"])
        #expect(!mail.lines.contains { $0.hasPrefix("Bcc") })
        let text = bench.text(of: mail)
        #expect(text.contains("warning: 2 notifications") && text.contains("Plätze") && text.contains("WARNING"))
        #expect(bench.bench.log.lines.contains { $0.hasPrefix("notice mail sent") && $0.contains("Plätze") })
        // The state is stored.
        try await bench.bench.wait {
            bench.bench.script.transactions.flatMap(\.hooks).contains { $0.key == LastResortKeeper.stateKey }
        }
        bench.isCutOff = false
        bench.bench.metrics.messagesSent["warning"].increment()
        bench.wait(.seconds(1))
        try await bench.bench.wait { bench.bench.metrics.mailsSent[].current == 2 }
        #expect(bench.text(of: bench.mailServer.mails[1]).contains("Rocket.Chat accepts messages again"))
        #expect(bench.bench.intake.journal.snapshot.totalPending == 2, "the alerts still wait for the room")
        await bench.stop()
    }

    @Test func failureIsCountedByReasonAndTriedAgain() async throws {
        let bench = try MailBench(.answer(.recipient, "451 4.7.1 greylisted"))
        #expect(await bench.bench.post(warningBody("A"))?.status == 200)
        bench.wait(.seconds(300))
        try await bench.bench.wait { bench.bench.metrics.mailsFailed["deferred"].current == 1 }
        #expect(bench.bench.log.lines.contains { $0.hasPrefix("error mail not sent") && $0.contains("greylisted") })
        bench.mailServer.behavior.withLock { $0 = .accept }
        bench.wait(.seconds(59))
        #expect(bench.mailServer.mails.isEmpty)
        bench.wait(.seconds(1))
        try await bench.bench.wait { bench.mailServer.mails.count == 1 }
        await bench.stop()
    }

    @Test func hangingMailServerBlocksNothing() async throws {
        let bench = try MailBench(.hang(.message))
        #expect(await bench.bench.post(warningBody("A"))?.status == 200)
        bench.wait(.seconds(300))
        #expect(await bench.bench.post(warningBody("B"))?.status == 200)
        #expect(await bench.bench.get("/-/ready")?.status == 200)
        bench.wait(.seconds(6_000))
        #expect(bench.bench.metrics.mailsSent[].current == 0)
        await bench.stop()
    }
}

@Suite struct LastResortMailTests {
    private func room(_ name: String, _ alerts: Int, pending: Int, severity: Severity = .critical) throws
        -> LastResortMail.Room
    {
        var digest = Digest(severity: severity)
        for number in 0..<alerts {
            let alert = alertJSON(
                labels: #"{"alertname":"Disk\#(number)","severity":"critical","instance":"ü\#(number)"}"#,
                fingerprint: "\"\(number)\"")
            digest.add(try WebhookParser().decode(text: webhookBody(alerts: "[\(alert)]", groupKey: "\"\(number)\"")))
        }
        return .init(name: name, digest: digest, pending: pending, oldest: nil)
    }

    private func mail(_ rooms: [LastResortMail.Room], others: [(name: String, pending: Int)] = []) -> LastResortMail {
        LastResortMail(rooms: rooms, others: others, zone: .utc, now: .now())
    }

    @Test func subjectIsTheWorstRoomsHeadline() throws {
        let mail = mail([try room("critical", 2, pending: 2), try room("info", 1, pending: 1, severity: .info)])
        #expect(mail.subject.contains("CRITICAL 2 firing") && mail.subject.hasSuffix("(and 1 more room)"))
        #expect(mail.text.contains("3 notifications wait") && mail.text.contains("ü0"))
        let order = [mail.text.range(of: "\ncritical: "), mail.text.range(of: "\ninfo: ")].compactMap { $0?.lowerBound }
        #expect(order.count == 2 && order[0] < order[1])
    }

    @Test func whatWasNotReadIsCounted() throws {
        let text = mail([try room("critical", 3, pending: 5_000)], others: [("info", 7)]).text
        #expect(text.contains("4997 more notifications of this room were not read"))
        #expect(text.contains("info: 7 notifications") && text.contains("5007 notifications wait"))
    }

    @Test func unreadableBacklogIsTold() throws {
        let mail = mail([try room("critical", 0, pending: 4)])
        #expect(mail.subject == "Rocket.Chat accepts no messages: 4 notifications wait")
    }

    @Test func textIsBounded() throws {
        let rooms = try (0..<10).map { try room(String(repeating: "r\($0)", count: 20_000), 1, pending: 1) }
        #expect(mail(rooms).text.utf8.count < 201_000)
    }
}
