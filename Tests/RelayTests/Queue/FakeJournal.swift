import DeliveryCore
import TestSupport
import Testing

@testable import Alerts
@testable import Journaling
@testable import Relay
@testable import Support

/// An `OutboundJournal` in memory. Tests can fill it, make it fail and observe its calls.
final class FakeJournal: OutboundJournal {
    struct Read: Equatable, Sendable {
        var after: JournalID?
        var limit: Int
        /// Of bodies only.
        var byteLimit: Int?
    }

    struct Settled: Equatable, Sendable {
        var id: JournalID
        var settlement: JournalSettlement
    }

    struct Script: Sendable {
        /// The number of next row reads that fail.
        var failingRowReads = 0
        /// The number of body reads that succeed; nil means all.
        var bodyReadsLeft: Int?
        /// Limits a page of bodies below the requested size.
        var byteLimit: Int?
        /// Rows whose bodies the journal sets aside when it reads them.
        var damaged: Set<JournalID> = []
        var commitResult: Result<Void, JournalRefusal> = .success(())
        /// Runs within `commitNow`, on the caller's queue.
        var duringCommit: @Sendable () -> Void = {}
    }

    private struct Calls {
        var rowReads: [Read] = []
        var bodyReads: [Read] = []
        var commits: [[HookRow]] = []
        var settled: [Settled] = []
        var records: [HistoryRecord] = []
    }

    let script = Locked(Script())
    private let disk = Locked(MemoryJournalStore.Content())
    private let calls = Locked(Calls())

    var rowReads: [Read] { calls.withLock { $0.rowReads } }
    var bodyReads: [Read] { calls.withLock { $0.bodyReads } }
    var commits: [[HookRow]] { calls.withLock { $0.commits } }
    var settled: [Settled] { calls.withLock { $0.settled } }
    /// The history records of the settlements.
    var records: [HistoryRecord] { calls.withLock { $0.records } }
    var delivered: [JournalID] { settled.filter { $0.settlement == .delivered }.map(\.id) }

    // MARK: OutboundJournal

    func rows(
        _ destination: Destination, after: JournalID?, limit: Int, then done: @escaping @Sendable (PendingRows?) -> Void
    ) {
        calls.withLock { $0.rowReads.append(Read(after: after, limit: limit)) }
        let fails = script.withLock { script in
            defer { script.failingRowReads = max(0, script.failingRowReads - 1) }
            return script.failingRowReads > 0
        }
        done(fails ? nil : try? store.rows(destination, after: after, limit: limit, at: .now()).rows)
    }

    func loadNow(_ destination: Destination, after: JournalID?, limit: Int, byteLimit: Int) -> PendingWindow? {
        calls.withLock { $0.bodyReads.append(Read(after: after, limit: limit, byteLimit: byteLimit)) }
        let script = script.withLock { script in
            defer { script.bodyReadsLeft = script.bodyReadsLeft.map { max(0, $0 - 1) } }
            return script
        }
        if script.bodyReadsLeft == 0 { return nil }
        let bytes = min(byteLimit, script.byteLimit ?? byteLimit)
        var window = try? open().load(destination, after: after, limit: limit, byteLimit: bytes, at: .now()).window
        window?.notifications.removeAll { script.damaged.contains($0.id) }
        return window
    }

    func commitNow(_ hooks: [HookRow]) -> Result<Void, JournalRefusal> {
        calls.withLock { $0.commits.append(hooks) }
        let script = script.withLock { $0 }
        script.duringCommit()
        return script.commitResult
    }

    func settle(_ ids: [JournalID], as settlement: JournalSettlement, history: HistoryRecord?) {
        for id in ids { settle(id, as: settlement) }
        if let history { calls.withLock { $0.records.append(history) } }
    }

    func settle(_ id: JournalID, as settlement: JournalSettlement) {
        calls.withLock { $0.settled.append(Settled(id: id, settlement: settlement)) }
        try? store.commit(JournalTransaction(settlements: [.init(id: id, settlement: settlement)], at: .now()))
    }

    // MARK: Notifications

    private var store: MemoryJournalStore { MemoryJournalStore(disk: disk) }

    /// An engine that continues on the disk.
    private func open() throws(JournalOpenError) -> EmbeddedEngine {
        let engine = EmbeddedEngine(store, window: .zero)
        _ = try engine.open(at: .now())
        return engine
    }

    /// Adds a notification with one alert for each name.
    @discardableResult
    func append(
        _ names: String..., status: AlertStatus = .firing, group: UInt64 = 1, acceptedAt: Timestamp = .now(),
        to destination: Destination = .warning, isReplayed: Bool = false, truncated: Int = 0,
        repeats: Int? = nil
    ) throws -> Journaled<Alerts.Notification> {
        let alerts = names.map { name in
            alertJSON(
                status: "\"\(status.rawValue)\"", labels: #"{"alertname":"\#(name)","severity":"warning"}"#,
                fingerprint: "\"\(name)\"")
        }
        let body = webhookBody(
            status: "\"\(status.rawValue)\"", alerts: "[\(alerts.joined(separator: ","))]",
            groupKey: #""{}:{n=\"\#(group)\"}""#, more: [("truncatedAlerts", "\(truncated)")])
        return try append(
            Alerts.Notification(
                severity: destination.severity, receiver: destination.receiver, group: group, acceptedAt: acceptedAt,
                body: Array(body.utf8), isResolved: status == .resolved, repeats: repeats, isReplayed: isReplayed))
    }

    /// Adds a row whose body no version of the parser accepts.
    func appendUnreadable() throws -> Journaled<Alerts.Notification> {
        try append(JournalSamples.notification(body: "no JSON"))
    }

    private func append(_ notification: Alerts.Notification) throws -> Journaled<Alerts.Notification> {
        let payload = JournalDraft.Payload(JournalSamples.batch(0, [notification]))
        return try open().journal(JournalDraft(payloads: [payload], at: .now()))[0].notifications[0]
    }

    /// Makes a notification a dead letter.
    func kill(_ notification: Journaled<Alerts.Notification>) {
        settle(notification.id, as: .dead(reason: .refused, attempts: 1, answer: nil))
    }

    /// Replays a dead letter.
    func replay(_ letter: JournalID, isForced: Bool = false) throws -> Journaled<Alerts.Notification> {
        let replay = try open().requeue([letter], isForced: isForced)
        return try #require(replay.entries.first)
    }

    /// Removes rows without informing the queue.
    func remove(_ notifications: Journaled<Alerts.Notification>...) {
        disk.withLock { disk in
            for notification in notifications { disk.pending[notification.id] = nil }
        }
    }
}

extension Journaled<Alerts.Notification> {
    var entry: EntryID { EntryID(id) }
}

extension CrashGuard {
    /// Returns a guard that found these crashes of earlier processes.
    static func after(_ crashes: [(id: JournalID, all: Int, alone: Int)]) throws -> CrashGuard {
        var ledger = CrashLedger()
        for (id, all, alone) in crashes {
            for number in 0..<all { ledger.record(CrashLedger.Handled(id), nothingElse: number < alone) }
        }
        let file = HandlingFile(folder: nil)
        file.write(ledger)
        return CrashGuard(file)
    }
}
