import Dispatch
import Glibc
import Libevent
import TestSupport

@testable import Alerts
@testable import Journaling
@testable import Posting
@testable import Relay
@testable import Support

/// A listener on a free port, with the intake and the dispatcher behind it. The journal is on a scripted store in memory;
/// the room of warnings receives all messages.
@LoopActor
final class ListenerBench {
    let script = ScriptedJournalStore.Script()
    let metrics = Metrics()
    let log = CollectedLog()
    let room: RoomServer
    let intake: Intake
    let listener: WebhookListener
    let status: StatusListener
    let port: UInt16
    private let dispatcher: Dispatcher
    private let server: HTTPServer
    private let folder = TemporaryFolder()

    /// - Parameter poison: a body that crashed the process as often as `BodyGuard` allows.
    init(
        _ settings: JournalSettings = JournalSettings(), poison: [UInt8]? = nil,
        change: (inout RelayConfiguration) -> Void = { _ in }
    ) throws {
        room = try RoomServer()
        var configuration = RelayConfiguration(hooks: [.warning: room.hook])
        // A proxy of the machine that runs the tests must not be used.
        configuration.posting.noProxy = "*"
        configuration.posting.rateLimit = nil
        configuration.storagePath = folder.path
        change(&configuration)
        let opened = try Intake.open(
            ScriptedJournalStore(script), settings: settings,
            observer: JournalMetrics(metrics: metrics, logger: log.logger))
        let plan = OutboundPlan(configuration: configuration, receivers: [:])
        dispatcher = Dispatcher(
            plan,
            services: .init(
                journal: opened.0, crashGuard: CrashGuard(HandlingFile(folder: nil)), abort: DeliveryAbort()),
            metrics: metrics, logger: log.logger)
        let bodyGuard = Self.bodyGuard(in: folder.path, poison: poison)
        intake = Intake(opened, bodyGuard: bodyGuard, dispatcher: dispatcher, metrics: metrics, logger: log.logger)
        status = StatusListener(dispatcher, intake, zone: .utc, metrics: metrics, logger: log.logger)
        listener = WebhookListener(
            configuration: configuration, router: AlertRouter([], numbers: [:]), bodyGuard: bodyGuard, intake: intake,
            status: status, metrics: metrics, logger: log.logger)
        let listener = listener
        server = HTTPServer(limits: configuration.limits) { listener.handle($0) }
        listener.screener.attach(to: server)
        server.onReplyOverdue = { listener.replyOverdue($0) }
        port = try server.listen(on: SocketAddress(host: "127.0.0.1", port: 0)).port
        dispatcher.start([])
    }

    private static func bodyGuard(in folder: String, poison: [UInt8]?) -> BodyGuard {
        if let poison {
            let digest = poison.withUnsafeBytes { SHA256().digest(of: $0) }
            let text = digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
            let file = open(folder + "/crash.digests", O_WRONLY | O_CREAT, 0o600)
            let line = Array("\(text) \(BodyGuard.crashLimit)\n".utf8)
            _ = write(file, line, line.count)
            close(file)
        }
        // An unusable file, so that no signal handler is installed in the tests' process.
        mkdir(folder + "/crash.body", 0o700)
        return BodyGuard(folder: folder, logger: CollectedLog().logger)
    }

    /// Posts a webhook on a new connection.
    func post(_ body: [UInt8], headers: [String] = []) async -> Client.Answer? {
        let port = port
        return await offLoop { Client.request("POST", "/webhook", port: port, headers: headers, body: body) }
    }

    func get(_ path: String) async -> Client.Answer? {
        let port = port
        return await offLoop { Client.request("GET", path, port: port) }
    }

    /// Holds back commits from now on, until `releaseCommits`.
    func holdCommits() { script.isHeld.withLock { $0 = true } }

    func releaseCommits() { script.releaseCommits() }

    /// The number of alerts that the metrics count as accepted.
    var acceptedAlerts: Int {
        Severity.allCases.reduce(0) { sum, severity in
            sum
                + [AlertStatus.firing, .resolved].reduce(0) {
                    $0 + metrics.alertsReceived[severity.rawValue, $1.rawValue].current
                }
        }
    }

    /// Polls until the condition is true. The suite's time limit ends a wait that never succeeds.
    func wait(_ condition: @LoopActor () throws -> Bool) async throws {
        while try !condition() { try await Task.sleep(for: .milliseconds(2)) }
    }

    /// Waits until the notifications that the journal holds are settled.
    func waitUntilSettled() async throws { try await wait { self.intake.journal.snapshot.totalPending == 0 } }

    /// Must be called at the end of a test: the server must not be freed with a request that awaits its reply.
    func stop() async {
        server.stopListening()
        releaseCommits()
        await withCheckedContinuation { done in server.whenIdle { done.resume() } }
        await withCheckedContinuation { done in dispatcher.stop { done.resume() } }
        let journal = intake.journal
        await offLoop { _ = journal.close() }
    }
}

extension ScriptedJournalStore.Script {
    /// Lets the held commit and all later ones proceed.
    func releaseCommits() {
        isHeld.withLock { $0 = false }
        gate.signal()
    }
}

/// A webhook with one firing warning of this name.
func warningBody(_ name: String) -> [UInt8] {
    let alert = alertJSON(labels: #"{"alertname":"\#(name)","severity":"warning"}"#, fingerprint: "\"\(name)\"")
    return Array(webhookBody(alerts: "[\(alert)]", groupKey: "\"{}:{n=\\\"\(name)\\\"}\"").utf8)
}
