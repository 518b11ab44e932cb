import Alerts
import DeliveryCore
import Journaling
import Logging
import Posting

/// Turns facts of the delivery machine into metrics and log lines, and its verdicts into journal settlements.
struct DeliveryAudit {
    /// A group with a pending follow-up.
    private struct FollowUpKey: Hashable {
        var hook: HookID
        var queue: QueueID
        var group: UInt64
    }

    private let crashGuard: CrashGuard
    private let metrics: Metrics
    private let logger: Logger
    private let refusals: RefusalLog
    private var histories: [QueueID: QueueHistory] = [:]
    private var subjects: [FollowUpKey: String] = [:]
    private(set) var results = LastResults()

    private static let subjectLimit = 4_096

    init(crashGuard: CrashGuard, metrics: Metrics, logger: Logger) {
        self.crashGuard = crashGuard
        self.metrics = metrics
        self.logger = logger
        refusals = RefusalLog(metrics: metrics, logger: logger)
    }

    // MARK: From the queues

    mutating func note(_ manifest: Manifest, of queue: QueueID) {
        histories[queue, default: QueueHistory()].manifest = manifest
        histories[queue]?.posts = 0
        histories[queue]?.hook = nil
        histories[queue]?.messageIDs = []
    }

    mutating func note(_ report: PostReport, of queue: QueueID) {
        histories[queue, default: QueueHistory()].report = report
    }

    /// The known subjects of follow-ups, for a message.
    func subjects(of followUps: [FollowUp], at hook: HookID) -> [String] {
        followUps.compactMap { subjects[FollowUpKey(hook: hook, queue: $0.queue, group: $0.group)] }
    }

    // MARK: From the machine

    /// The settlements of notifications, with their records for the history.
    func settled(
        _ ids: [EntryID], as settlement: Settlement, in queue: QueueID, _ map: DeliveryMap
    ) -> [SettledGroup] {
        (histories[queue] ?? QueueHistory()).settled(ids, as: settlement, in: queue, map) { id in
            self.settlement(settlement, of: id, in: queue)
        }
    }

    func settlement(_ settlement: Settlement, of id: EntryID, in queue: QueueID) -> JournalSettlement {
        // A digest settles up to 20,000 entries: the first two cases look nothing up.
        switch settlement {
        case .delivered: return .delivered
        case .expired: return .expired
        case .dead(.refused):
            let history = histories[queue]
            return .dead(
                reason: .refused, attempts: history?.attempts ?? 0, answer: history?.report.outcome?.detail)
        case .dead(.unreadable):
            return .dead(reason: .unreadable, attempts: 0, answer: histories[queue]?.manifest.unreadable[id])
        case .dead(.crashed):
            let crashes = crashGuard.crashes(of: JournalID(id)).all
            return .dead(
                reason: .crash, attempts: 0, answer: "the relay crashed \(crashes) times while handling it")
        }
    }

    mutating func note(_ fact: Fact, _ map: DeliveryMap) {
        switch fact {
        case .posted(let attempt): posted(attempt, map)
        case .delivered(let queue, let hook, _, let form): delivered(queue, hook, form, map)
        case .expired(let queue, let ids): expired(queue, ids, map)
        case .deadLettered(let queue, let id, let reason, let asked): gaveUp(queue, id, reason, asked, map)
        case .rejected(let queue, let hook, let id):
            log(
                .warning, "room refuses a notification in every form", queue, map,
                [
                    "room": map.room(of: hook, for: queue), "id": "\(id.rawValue)",
                    "detail": histories[queue]?.report.outcome?.detail ?? "",
                ])
        case .bisecting(let queue, let hook, let entries):
            log(
                .warning, "room refuses a digest, splitting it", queue, map,
                ["room": map.room(of: hook, for: queue), "notifications": "\(entries)"])
        case .failedOver(let queue, let hook):
            log(.error, "rerouted: the hook does not work", queue, map, ["to": map.room(of: hook, for: queue)])
        case .failedBack(let queue, let hook):
            log(
                .notice, "returned to its own room: the hook works again", queue, map,
                ["to": map.room(of: hook, for: queue)])
        case .hookWorks(let hook): log(.notice, "hook recovered", hook, map)
        case .hookThrottled(let hook): log(.debug, "hook throttled", hook, map)
        case .hookFailing(let hook): log(.warning, "hook failing", hook, map)
        case .hookBroken(let hook): log(.error, "hook broken, needs manual repair", hook, map)
        case .followUpWaits(let hook, let followUp): remember(followUp, at: hook)
        case .followedUp(let hook, let followUps):
            forget(followUps, at: hook)
            log(.info, "resolve follow-up delivered", hook, map, ["groups": "\(followUps.count)"])
        case .followUpDropped(let hook, let followUp):
            forget([followUp], at: hook)
            log(.warning, "resolve follow-up dropped", hook, map, ["id": "\(followUp.id.rawValue)"])
        }
    }

    private mutating func posted(_ attempt: Attempt, _ map: DeliveryMap) {
        histories[attempt.queue, default: QueueHistory()].attempts = attempt.number
        histories[attempt.queue]?.posts += 1
        histories[attempt.queue]?.hook = attempt.hook
        if case .delivered(let id?) = attempt.result { histories[attempt.queue]?.messageIDs.append(id) }
        guard let outcome = histories[attempt.queue]?.report.outcome else { return }
        results.note(outcome, of: attempt.hook)
        let labels = Labels(map, attempt.queue)
        metrics.deliveryDuration[labels.severity, labels.receiver].observe(Duration(attempt.took))
        if let reason = outcome.reason {
            metrics.notificationsFailed[labels.severity, reason.rawValue, labels.receiver].increment()
        }
        if outcome.isMaybeDelivered { metrics.possibleDuplicates[labels.severity, labels.receiver].increment() }
        if case .delivered = outcome {
            metrics.messagesSent[labels.severity, labels.receiver].increment()
            if !map.isOwn(attempt.hook, of: attempt.queue) {
                metrics.messagesRerouted[labels.severity, labels.receiver].increment()
            }
        }
        if let refused = histories[attempt.queue]?.report.refused {
            let room = map.room(of: attempt.hook, for: attempt.queue)
            refusals.note(refused, labels.severity, labels.receiver, room: room, detail: outcome.detail ?? "")
        }
        logFailure(attempt, outcome, map)
    }

    private mutating func logFailure(_ attempt: Attempt, _ outcome: DeliveryOutcome, _ map: DeliveryMap) {
        let detail = outcome.detail
        let isNewFailure = histories[attempt.queue]?.failure != detail
        histories[attempt.queue]?.failure = detail
        guard let detail else { return }
        let level: Logger.Level = !isNewFailure ? .debug : outcome.isThrottling ? .info : .warning
        log(
            level, "delivery attempt failed", attempt.queue, map,
            [
                "room": map.room(of: attempt.hook, for: attempt.queue),
                "id": histories[attempt.queue]?.manifest.entries.first.map { "\($0.id)" } ?? "",
                "notifications": "\(attempt.entries)", "reason": outcome.reason?.rawValue ?? "",
                "attempt": "\(attempt.number)", "detail": detail,
            ])
    }

    private mutating func delivered(_ queue: QueueID, _ hook: HookID, _ form: Form, _ map: DeliveryMap) {
        guard let history = histories[queue], form != .notice else { return }
        results.noteDelivery(of: queue, to: hook)
        let (labels, now, manifest) = (Labels(map, queue), Timestamp.now(), history.manifest)
        metrics.notifications[labels.severity, labels.receiver].increment(by: manifest.entries.count)
        metrics.coalescedAlerts[labels.severity, labels.receiver].increment(by: manifest.foldedAlerts)
        refusals.note(manifest.refusedChannels, labels.severity, labels.receiver)
        let endToEnd = metrics.endToEnd[labels.severity, labels.receiver]
        for entry in manifest.entries { endToEnd.observe(now.since(entry.acceptedAt)) }
        let waited = manifest.entries.first.map { now.since($0.acceptedAt) } ?? .zero
        log(
            .info, "delivered", queue, map,
            [
                "room": map.room(of: hook, for: queue),
                "alerts": manifest.names.joined(separator: ", ") + (manifest.hasMoreNames ? ", …" : ""),
                "id": manifest.entries.last.map { "\($0.id)" } ?? "", "notifications": "\(manifest.entries.count)",
                "posts": "\(history.posts)", "attempts": "\(history.attempts)",
                "seconds": "\(waited.components.seconds)",
            ].merging(map.isOwn(hook, of: queue) ? [:] : ["rerouted": "true"]) { $1 })
        histories[queue]?.attempts = 0
        noteTemplates(queue, labels, map)
        // The history has them, and a digest has megabytes of them.
        histories[queue]?.manifest.members = HistoryMembers()
    }

    private mutating func noteTemplates(_ queue: QueueID, _ labels: Labels, _ map: DeliveryMap) {
        guard let history = histories[queue] else { return }
        let faults = history.manifest.faults
        histories[queue]?.faults = faults
        for fault in faults.sorted(by: { ($0.part, $0.reason) < ($1.part, $1.reason) }) {
            metrics.templateFailures[labels.severity, fault.part, fault.reason, labels.receiver].increment()
            log(
                history.faults.contains(fault) ? .debug : .warning, "template failed, built-in form used", queue, map,
                ["part": fault.part, "reason": fault.reason])
        }
    }

    private func expired(_ queue: QueueID, _ ids: [EntryID], _ map: DeliveryMap) {
        let labels = Labels(map, queue)
        let maxAge = map.settings[queue.index].maxAge.components.seconds
        let gone = Set(histories[queue]?.manifest.gone ?? [])
        let known = histories[queue]?.manifest.expiredMembers.entries(.expired) ?? [:]
        for id in ids where !gone.contains(id) {
            metrics.notificationsExpired[labels.severity, labels.receiver].increment()
            var keys = ["id": "\(id.rawValue)", "max_age": "\(maxAge)", "resolved": "true"]
            if let entry = known[JournalID(id)] {
                keys["age"] = "\(Timestamp.now().since(entry.acceptedAt).components.seconds)"
                keys["alerts"] = entry.shownNames(limit: 5)
            }
            log(.notice, "notification expired", queue, map, keys)
        }
    }

    private func gaveUp(
        _ queue: QueueID, _ id: EntryID, _ reason: DeadLetterReason, _ asked: [HookID], _ map: DeliveryMap
    ) {
        let labels = Labels(map, queue)
        guard case .dead(let label, let attempts, let answer) = settlement(.dead(reason), of: id, in: queue) else {
            return
        }
        metrics.notificationsDead[labels.severity, label.rawValue, labels.receiver].increment()
        let message: Logger.Message =
            switch reason {
            case .refused: "dead letter: every room refuses the notification"
            case .unreadable: "dead letter: the notification cannot be read"
            case .crashed: "dead letter: the process crashed while handling the notification"
            }
        log(
            .error, message, queue, map,
            [
                "id": "\(id.rawValue)", "rooms": asked.map { map.room(of: $0, for: queue) }.joined(separator: ","),
                "attempts": "\(attempts)", "detail": answer ?? "",
            ])
    }

    // MARK: Follow-ups

    private mutating func remember(_ followUp: FollowUp, at hook: HookID) {
        // The machine does not report follow-ups that a newer firing cancels, so their subjects stay until this limit.
        if subjects.count >= Self.subjectLimit { subjects = [:] }
        subjects[FollowUpKey(hook: hook, queue: followUp.queue, group: followUp.group)] =
            histories[followUp.queue]?.manifest.resolved[followUp.id]
    }

    private mutating func forget(_ followUps: [FollowUp], at hook: HookID) {
        for followUp in followUps {
            subjects[FollowUpKey(hook: hook, queue: followUp.queue, group: followUp.group)] = nil
        }
    }

    // MARK: Log lines

    private struct Labels {
        var severity: String
        var receiver: String

        init(_ map: DeliveryMap, _ queue: QueueID) {
            severity = map.destinations[queue.index].severity.rawValue
            receiver = map.settings[queue.index].receiver ?? ""
        }
    }

    private func log(
        _ level: Logger.Level, _ message: Logger.Message, _ queue: QueueID, _ map: DeliveryMap, _ keys: [String: String]
    ) {
        let labels = Labels(map, queue)
        var keys = keys
        keys["severity"] = labels.severity
        if !labels.receiver.isEmpty { keys["receiver"] = labels.receiver }
        log(level, message, keys)
    }

    private func log(
        _ level: Logger.Level, _ message: Logger.Message, _ hook: HookID, _ map: DeliveryMap,
        _ keys: [String: String] = [:]
    ) {
        var keys = keys
        keys["hook"] = map.hooks[hook.index].integration
        log(level, message, keys)
    }

    private func log(_ level: Logger.Level, _ message: Logger.Message, _ keys: [String: String]) {
        logger.log(level: level, message, metadata: keys.mapValues { "\($0)" })
    }
}

extension DeliveryOutcome {
    fileprivate var isThrottling: Bool { if case .rateLimited = self { true } else { false } }
}
