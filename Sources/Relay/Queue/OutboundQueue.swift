import DeliveryCore
import Dispatch
import Libevent

/// One destination's queue: reads rows, renders what the machine chose, and posts it.
///
/// Posts block, so this actor runs on a Dispatch queue of its own; a slow or broken hook stops this queue only. What to do
/// and when is the machine's business: each order is answered by one call of `done`, on any thread.
actor OutboundQueue {
    /// What queues have in common, whatever the configuration says.
    struct Services: Sendable {
        var journal: any OutboundJournal
        /// Attributes crashes to notifications.
        var crashGuard: CrashGuard
        var abort: DeliveryAbort
        /// How old a notification is, whatever the wall clock does.
        var ages = NotificationAges()
    }

    nonisolated let destination: Destination
    nonisolated let services: Services
    private nonisolated let executor: QueueExecutor
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// Records what this queue handles, for the next process.
    let handling: CrashGuard.Slot
    lazy var parser = WebhookParser()
    /// The messages of the last composition: those of one batch, whatever waits.
    private var messages: [[UInt8]] = []
    private var handled: CrashLedger.Handled?
    private var postmen: [HookID: Postman] = [:]

    init(destination: Destination, services: Services) {
        self.destination = destination
        self.services = services
        handling = services.crashGuard.makeSlot()
        executor = QueueExecutor(label: "outbound.\(destination.spoolName)")
    }

    // MARK: Orders

    /// Reads rows without their bodies; nil where the journal has failed.
    nonisolated func load(after: EntryID, limit: Int, then done: @escaping @Sendable (Page?) -> Void) {
        let (journal, crashGuard) = (services.journal, services.crashGuard)
        journal.rows(destination, after: after == .zero ? nil : JournalID(after), limit: limit) { rows in
            done(rows.map { Page($0, after: after, crashGuard) })
        }
    }

    /// Renders a batch, which takes the place of the one before; nil where the journal could not be read.
    nonisolated func compose(
        _ composition: Composition, _ settings: QueueSettings, then done: @escaping @Sendable (Manifest?) -> Void
    ) {
        executor.queue.async {
            done(self.assumeIsolated { $0.composeNow(composition, settings) })
        }
    }

    /// Posts one message of the last composition.
    nonisolated func post(
        part: Int, to hook: HookID, _ route: QueueSettings.Route, _ record: HookRow?,
        then done: @escaping @Sendable (PostReport) -> Void
    ) {
        executor.queue.async {
            done(self.assumeIsolated { $0.postNow(part, to: hook, route, record) })
        }
    }

    // MARK: The work

    private func composeNow(_ composition: Composition, _ settings: QueueSettings) -> Manifest? {
        messages = []
        handled = nil
        guard let route = settings.routes[composition.hook] else { return nil }
        guard let (cargo, manifest) = read(composition, settings, route.renderer) else { return nil }
        guard let cargo, let first = cargo.entries.first, let last = cargo.entries.last else { return manifest }
        handled = CrashLedger.Handled(first: first.id, last: last.id)
        return handling.during(handled) {
            var manifest = manifest
            let rendered = render(cargo, composition, settings, route.renderer)
            messages = rendered.messages
            for message in messages { FaultPoint.render.reach(message) }
            (manifest.parts, manifest.copies) = (messages.count, rendered.copies)
            manifest.foldedAlerts = cargo.foldedAlerts
            return manifest
        }
    }

    private func postNow(
        _ part: Int, to hook: HookID, _ route: QueueSettings.Route, _ record: HookRow?
    ) -> PostReport {
        guard messages.indices.contains(part), services.journal.permits(record) else { return .notSent }
        let body = messages[part]
        let postman = Postman.keeping(postmen[hook], for: route, abort: services.abort)
        postmen[hook] = postman
        let answer = postman.deliver(body)
        // Of several parts those that are in the room are not made again.
        if messages.count == 1 { messages = [] }
        return handling.during(handled) {
            FaultPoint.classify.reach(body)
            return postman.report(answer)
        }
    }
}

extension JournalID {
    init(_ entry: EntryID) { self.init(rawValue: entry.rawValue) }
}

extension EntryID {
    init(_ id: JournalID) { self.init(id.rawValue) }
}

extension Page {
    fileprivate init(_ rows: PendingRows, after: EntryID, _ crashGuard: CrashGuard) {
        let entries = rows.rows.map { row in
            let crashes = crashGuard.crashes(of: row.id)
            return PendingEntry(
                id: EntryID(row.id), group: row.group, isResolved: row.isResolved, isReplayed: row.isReplayed,
                crashes: crashes.all, crashesAlone: crashes.alone)
        }
        self.init(entries: entries, cursor: rows.cursor.map { EntryID($0) } ?? after, isLast: rows.isLast)
    }
}
