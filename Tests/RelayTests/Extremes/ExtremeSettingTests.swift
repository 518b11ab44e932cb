import Foundation
import Libevent
import Logging
import TestSupport
import Testing

@testable import Alerts
@testable import Journaling
@testable import Posting
@testable import Relay
@testable import SQLiteJournal
@testable import Support

/// Runs every numeric setting at both ends of its range with extreme bodies, through the parser, the journal and the
/// queues to the mock: the whole program except its listener.
@Suite(.serialized, .timeLimit(.minutes(3))) struct ExtremeSettingTests {
    private let folder = TemporaryFolder()

    @Test func extremeSettingsDeliverExtremeBodies() async throws {
        let mock = try Program("mock-rocketchat", ["--listen", "127.0.0.1:0", "--limiter", "off"])
        let port = try mock.port()
        let all = Dictionary(
            uniqueKeysWithValues: Setting.all.compactMap { setting in setting.ends.map { (setting.variable, $0) } })
        let ends = all.sorted { $0.key < $1.key }.flatMap { variable, ends in
            [[variable: ends.least], [variable: ends.most]]
        }
        for environment in ends + [all.mapValues(\.least), all.mapValues(\.most)] {
            let name = environment.count > 1 ? "all" : "\(environment)"
            try await deliver(environment, "http://127.0.0.1:\(port)/hooks/critical/t0ken", name)
        }
        #expect(mock.isRunning)
    }

    private func deliver(_ environment: [String: String], _ hook: String, _ name: String) async throws {
        var reader = ConfigurationReader(
            environment: environment.merging(["ROCKETCHAT_WEBHOOK_CRITICAL": hook]) { $1 })
        let configuration = try reader.read()
        let accepted = Locked<[Journaled<Alerts.Notification>]>([])
        let spool = SpoolSettings(
            folder: folder.path + "/" + UUID().uuidString, limitBytes: Int64(configuration.journalLimit),
            ballastBytes: 0)
        let journal = try Journal<Int>(
            opening: SQLiteJournalStore(spool), settings: JournalSettings(dedupeWindow: configuration.dedupeWindow),
            onFailure: { Issue.record("the journal failed: \($0)") },
            acknowledge: { answers in
                accepted.withLock { list in
                    for answer in answers { list += (try? answer.result.get().notifications) ?? [] }
                }
            })
        let abort = DeliveryAbort()
        let dispatcher = await Self.dispatcher(configuration, journal, abort)
        let parser = WebhookParser(severities: configuration.severities)
        for (number, count) in ["9223372036854775807", "9223372036854775807", "1"].enumerated() {
            let alert = alertJSON(startsAt: "\"0000-01-01T00:00:00Z\"", fingerprint: "\"\(number)\"")
            let body = webhookBody(
                alerts: "[\(alert)]", groupKey: "\"g\(number)\"", more: [("truncatedAlerts", count)])
            try journal.append(try parser.parse(Array(body.utf8), acceptedAt: .now()), for: number)
        }
        #expect(eventually { accepted.withLock { $0.count } == 3 }, "\(name): not accepted")
        await dispatcher.start([])
        await dispatcher.dispatch(accepted.withLock { $0 })
        // A post with a timeout of 10 ms may fail, and the next may be a week away. The first is delivered or tried.
        let isTried = eventually {
            journal.snapshot.totalPending < 3 || environment.keys.contains { $0.hasSuffix("_TIMEOUT") }
        }
        #expect(isTried, "\(name): nothing was delivered")
        await withCheckedContinuation { done in
            LoopActor.post { dispatcher.stop { done.resume() } }
        }
        abort.abort()
        journal.close()
    }

    @LoopActor private static func dispatcher(
        _ configuration: RelayConfiguration, _ journal: Journal<Int>, _ abort: DeliveryAbort
    ) -> Dispatcher {
        Dispatcher(
            OutboundPlan(configuration: configuration, receivers: [:]),
            services: .init(journal: journal, crashGuard: CrashGuard(HandlingFile(folder: nil)), abort: abort),
            metrics: Metrics(), logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }
}
