import Alerts
import Dispatch
import Journaling
import Libevent
import Logging
import Posting

/// Sends a mail when alerts wait and no room can be told, and one when rooms work again.
///
/// Decides on the loop. Reading the journal, rendering, the mail server and the storing of the state are waited for on
/// a queue of its own, so that a server that hangs blocks nothing else.
@LoopActor
final class LastResortKeeper {
    struct Services: Sendable {
        var journal: any OutboundJournal
        var crashGuard: CrashGuard
        var abort: DeliveryAbort
    }

    nonisolated static let stateKey = Array("last-resort".utf8)

    private let services: Services
    private let snapshot: @LoopActor () -> JournalSnapshot
    private let cutOff: @LoopActor () -> [Destination]
    private let metrics: Metrics
    private let logger: Logger
    private let clock: @LoopActor () -> LastResort.Reading
    private let queue = DispatchQueue(label: "last-resort", qos: .utility)
    private let reader: LastResortReader
    private var configuration: LastResortConfiguration
    private var receivers: [ReceiverID: String]
    private var zone: DisplayZone
    private var decisions: LastResort
    private var timer: LoopEvent?
    private var isStopped = false

    /// - Parameters:
    ///   - snapshot: the journal's figures.
    ///   - cutOff: the destinations without a hook that works.
    init(
        _ plan: OutboundPlan, rows: [HookRow], services: Services, snapshot: @escaping @LoopActor () -> JournalSnapshot,
        cutOff: @escaping @LoopActor () -> [Destination], metrics: Metrics, logger: Logger,
        clock: @escaping @LoopActor () -> LastResort.Reading = WatchdogKeeper.systemClock
    ) {
        (self.services, self.snapshot, self.cutOff) = (services, snapshot, cutOff)
        (self.metrics, self.logger, self.clock) = (metrics, logger, clock)
        configuration = plan.configuration.lastResort
        (receivers, zone) = (plan.receivers, plan.configuration.posting.zone)
        reader = LastResortReader(
            journal: services.journal, crashGuard: services.crashGuard, slot: services.crashGuard.makeSlot())
        decisions = LastResort(configuration.limits, record: Self.record(rows), at: clock())
        schedule()
    }

    /// Uses another server, other addresses and limits from the next mail on.
    func reconfigure(_ plan: OutboundPlan) {
        configuration = plan.configuration.lastResort
        (receivers, zone) = (plan.receivers, plan.configuration.posting.zone)
        decisions.limits = configuration.limits
        schedule()
    }

    /// Starts no more mails. One under way is aborted with the posts.
    func stop() {
        isStopped = true
        timer = nil
    }

    private func schedule() {
        guard configuration.mail != nil, !isStopped else { return timer = nil }
        let pause = min(max(configuration.after / 10, .milliseconds(100)), .seconds(5))
        timer = LoopEvent.timer(after: pause, repeats: true) { [unowned self] in check() }
    }

    private var acceptedMessages: Int { metrics.messagesSent.total }

    func check() {
        guard let mail = configuration.mail, let from = configuration.from, !configuration.to.isEmpty, !isStopped else {
            return
        }
        let (snapshot, cutOff) = (snapshot(), Set(cutOff()))
        let waiting = snapshot.pending.filter { $0.value > 0 }.keys.sorted().map { destination in
            LastResort.Waiting(
                destination: destination, oldest: snapshot.oldestPending[destination],
                isCutOff: cutOff.contains(destination))
        }
        let decision = decisions.decide(waiting, accepted: acceptedMessages, at: clock())
        let draft = MailMessage(from: from, to: configuration.to, subject: "", text: "", date: clock().wall)
        switch decision {
        case .none: break
        case .tellWaiting(let destinations):
            let rooms = destinations.map { ($0, name(of: $0), snapshot.pending[$0] ?? 0) }
            let (reader, zone) = (reader, zone)
            send(decision, mail) {
                let content = reader.mail(rooms, zone: zone)
                var message = draft
                (message.subject, message.text) = (content.subject, content.text)
                return message
            }
        case .tellRecovery:
            let pending = snapshot.totalPending
            send(decision, mail) {
                var message = draft
                message.subject = LastResortMail.recoverySubject
                message.text = LastResortMail.recoveryText(pending: pending)
                return message
            }
        }
    }

    private func name(of destination: Destination) -> String {
        let severity = destination.severity.rawValue
        return receivers[destination.receiver].map { "\($0) (\(severity))" } ?? severity
    }

    private func send(
        _ decision: LastResort.Decision, _ mail: MailSettings, _ compose: @escaping @Sendable () -> MailMessage
    ) {
        let abort = services.abort
        queue.async {
            let message = compose()
            let result = Result { () throws(MailFailure) in
                try CurlMailer.send(message, settings: mail, abort: abort)
            }
            LoopActor.post { [weak self] in self?.ended(decision, message, result) }
        }
    }

    private func ended(
        _ decision: LastResort.Decision, _ message: MailMessage, _ result: Result<Void, MailFailure>
    ) {
        let isSent = if case .success = result { true } else { false }
        decisions.ended(decision, isSent: isSent, accepted: acceptedMessages, at: clock())
        guard isSent else { return note(decision, message, result) }
        // Stored first: what is logged as sent is not sent again after a kill. If the journal fails, the next process
        // may send a mail too early, or none about the recovery.
        let (row, journal) = (Self.row(decisions.record), services.journal)
        queue.async {
            _ = journal.commitNow([row])
            LoopActor.post { [weak self] in self?.note(decision, message, result) }
        }
    }

    private func note(_ decision: LastResort.Decision, _ message: MailMessage, _ result: Result<Void, MailFailure>) {
        switch result {
        case .success:
            metrics.mailsSent[].increment()
            logger.notice(
                "mail sent",
                metadata: [
                    "about": decision == .tellRecovery ? "recovery" : "waiting alerts",
                    "recipients": "\(message.to.count)",
                    "subject": "\(message.subject)",
                ])
        case .failure(let failure):
            metrics.mailsFailed[failure.reason.rawValue].increment()
            logger.error(
                "mail not sent, retrying",
                metadata: ["reason": "\(failure.reason.rawValue)", "err": "\(failure.detail)"])
        }
    }

    // MARK: State

    /// A row of the journal's table `hook`, under a key that no hook has.
    nonisolated static func row(_ record: LastResort.Record) -> HookRow {
        let time = record.lastMail?.nanosecondsSince1970 ?? .min
        let word = withUnsafeBytes(of: time.littleEndian) { Array($0) }
        return HookRow(key: stateKey, value: [1, record.isRecoveryOwed ? 1 : 0] + word)
    }

    nonisolated static func record(_ rows: [HookRow]) -> LastResort.Record {
        guard let value = rows.first(where: { $0.key == stateKey })?.value, value.count == 10, value[0] == 1 else {
            return LastResort.Record()
        }
        let word = Int64(bitPattern: value[2...].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
        return LastResort.Record(
            lastMail: word == .min ? nil : Timestamp(nanosecondsSince1970: word), isRecoveryOwed: value[1] == 1)
    }
}

extension LastResortConfiguration {
    var limits: LastResort.Limits { LastResort.Limits(after: after, interval: interval) }
}
