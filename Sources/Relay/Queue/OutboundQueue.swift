import Alerts
import DeliveryCore
import Dispatch
import Journaling
import Posting

/// The queue of one destination: reads rows, renders what the machine selects, and posts it.
///
/// Posts block, so this actor runs on its own Dispatch queue: a slow or broken hook blocks only this queue. The machine
/// decides what to do and when. Each operation calls `done` exactly once, on any thread.
actor OutboundQueue {
    /// The services that all queues share, independent of the configuration.
    struct Services: Sendable {
        var journal: any OutboundJournal
        /// Attributes crashes to notifications.
        var crashGuard: CrashGuard
        var abort: DeliveryAbort
        /// Computes the ages of notifications despite wall clock jumps.
        var ages = NotificationAges()
    }

    nonisolated let destination: Destination
    nonisolated let services: Services
    private nonisolated let executor: QueueExecutor
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// Records what this queue handles, for the next process.
    let handling: CrashGuard.Slot
    lazy var parser = WebhookParser()
    /// The messages of the last composition: one batch only.
    private var messages: [OutboundMessage] = []
    var memory = RoomNews()
    private var handled: CrashLedger.Handled?
    private var postmen: [HookID: HookClient] = [:]

    init(destination: Destination, services: Services) {
        self.destination = destination
        self.services = services
        handling = services.crashGuard.makeSlot()
        executor = QueueExecutor(label: "outbound.\(destination.receiver.rawValue).\(destination.severity.rawValue)")
    }

    // MARK: Operations

    /// Reads rows without bodies. Passes nil if the journal has failed.
    nonisolated func load(after: EntryID, limit: Int, then done: @escaping @Sendable (Page?) -> Void) {
        let (journal, crashGuard) = (services.journal, services.crashGuard)
        journal.rows(destination, after: after == .zero ? nil : JournalID(after), limit: limit) { rows in
            done(rows.map { Page($0, after: after, crashGuard) })
        }
    }

    /// Renders a batch, which replaces the previous one. Passes nil if the journal cannot be read.
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

    /// Closes the connections to all other hooks once the current post has ended.
    nonisolated func closeConnections(except hooks: Set<HookID>) {
        executor.queue.async { self.assumeIsolated { $0.postmen = $0.postmen.filter { hooks.contains($0.key) } } }
    }

    // MARK: Execution

    private func composeNow(_ composition: Composition, _ settings: QueueSettings) -> Manifest? {
        messages = []
        handled = nil
        guard let route = settings.routes[composition.hook] else { return nil }
        // `laterStates` must have what rooms were shown until now.
        if composition.marks.contains(.replayed) { _ = services.journal.commitNow([]) }
        var sections = ChannelSections(composition, settings, destination)
        guard let (cargo, manifest) = read(composition, settings, route.target, &sections) else { return nil }
        guard let cargo, let first = cargo.entries.first, let last = cargo.entries.last else { return manifest }
        handled = CrashLedger.Handled(first: first.id, last: last.id)
        return handling.during(handled) {
            var manifest = manifest
            manifest.refusedChannels = sections.refused
            let rendered = render(cargo, sections.sections, manifest, composition, settings, route.target)
            messages = rendered.messages
            for message in messages { FaultPoint.render.reach(message.body) }
            (manifest.parts, manifest.copies) = (messages.count, rendered.copies)
            manifest.foldedAlerts = cargo.foldedAlerts
            manifest.faults = rendered.faults
            return manifest
        }
    }

    private func postNow(
        _ part: Int, to hook: HookID, _ route: QueueSettings.Route, _ record: HookRow?
    ) -> PostReport {
        guard messages.indices.contains(part), services.journal.permits(record) else { return .notSent }
        let message = messages[part]
        let body = message.body
        let postman = HookClient.keeping(postmen[hook], for: route, abort: services.abort)
        postmen[hook] = postman
        let answer = postman.deliver(body)
        // Keep multi-part messages: parts that were posted are not rendered again.
        if messages.count == 1 { messages = [] }
        return handling.during(handled) {
            FaultPoint.classify.reach(body)
            var report = postman.report(answer)
            memory.note(&report, of: message, at: hook)
            if let refused = report.refused, messages.indices.contains(part) {
                messages[part].omit(refused, route.target)
            }
            return report
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

/// Reads the notifications of a composition and renders them.
extension OutboundQueue {
    /// The page size for reading.
    private static let page = (notifications: 256, bytes: 4 << 20)
    /// The time limit of the scan for resolved alerts.
    private static let surveyTime = Duration.seconds(2)

    /// Returns nil if the journal has failed. The batch is nil if no notification is readable.
    func read(
        _ composition: Composition, _ settings: QueueSettings, _ target: any Target,
        _ sections: inout ChannelSections
    ) -> (cargo: DeliveryBatch?, manifest: Manifest)? {
        var manifest = Manifest()
        var fold = DeliveryBatch.Fold(digest: Digest(severity: destination.severity))
        var single: DeliveryBatch?
        var resolved: ResolutionScan?
        let gone = read(composition.ids) { notification in
            guard var payload = decode(notification, &manifest) else { return }
            if payload.resolve(by: notification.value.laterStates) { manifest.over.append(EntryID(notification.id)) }
            if composition.form != .notice, isStale(notification, settings) {
                resolved = resolved ?? scanResolutions()
                if resolved?.outdates(notification, payload) == true {
                    return manifest.addExpired(notification, payload)
                }
            }
            if services.crashGuard.crashes(of: notification.id).all > 0 { renderAlone(notification, payload, target) }
            manifest.add(notification, payload, target)
            handling.during(.init(notification.id)) {
                sections.add(notification.value, payload, at: composition.hook, since: memory.shown)
            }
            if composition.ids.count > 1 {
                handling.during(.init(notification.id)) { fold.digest.add(payload) }
                fold.entries.append(DeliveryBatch.Entry(notification))
            }
            single = .single(notification, payload)
        }
        guard let gone else { return nil }
        manifest.gone = gone
        return (fold.entries.count > 1 ? .fold(fold) : single, manifest)
    }

    /// Calls `take` for each notification that is still in the journal. Returns the other IDs, or nil if the journal
    /// has failed.
    private func read(_ ids: [EntryID], _ take: (Journaled<Notification>) -> Void) -> [EntryID]? {
        var gone: [EntryID] = []
        var wanted = ids[...]
        while let next = wanted.first {
            let after = JournalID(rawValue: next.rawValue - 1)
            let limit = min(wanted.count, Self.page.notifications)
            guard
                let page = services.journal.loadNow(
                    destination, after: after, limit: limit, byteLimit: Self.page.bytes)
            else { return nil }
            for notification in page.notifications {
                let id = EntryID(notification.id)
                while let next = wanted.first, next < id { gone.append(wanted.removeFirst()) }
                guard wanted.first == id else { continue }
                wanted.removeFirst()
                take(notification)
            }
            // Damaged notifications are already dead letters.
            let end = page.isLast ? nil : page.cursor.map { EntryID($0) }
            while let next = wanted.first, end.map({ next <= $0 }) ?? true { gone.append(wanted.removeFirst()) }
        }
        return gone
    }

    private func decode(_ notification: Journaled<Notification>, _ manifest: inout Manifest) -> Payload? {
        do throws(ParseError) {
            return try handling.during(.init(notification.id)) { () throws(ParseError) in
                FaultPoint.decode.reach(notification.value.body)
                return try parser.decode(notification.value.body)
            }
        } catch {
            // The checksum matched and the body was parsed before it was stored, so only a stricter, later parser fails
            // here. An operator must see it.
            manifest.unreadable[EntryID(notification.id)] = error.message
            return nil
        }
    }

    /// Renders a suspect alone in both forms before it joins a digest. If it causes another crash, the crash is
    /// attributed to its ID.
    private func renderAlone(
        _ notification: Journaled<Notification>, _ payload: Payload, _ target: any Target
    ) {
        handling.during(.init(notification.id)) {
            var fold = DeliveryBatch.Fold(digest: Digest(severity: destination.severity))
            fold.digest.add(payload)
            for cargo in [DeliveryBatch.single(notification, payload), .fold(fold)] {
                let rendered = target.render(
                    RenderBatch(cargo.content, severity: destination.severity, now: .now()))
                for body in rendered.bodies { FaultPoint.render.reach(body) }
            }
        }
    }

    // MARK: Expiry

    private func isStale(_ notification: Journaled<Notification>, _ settings: QueueSettings) -> Bool {
        services.ages.age(of: notification.value.acceptedAt) > settings.maxAge
    }

    /// Scans the backlog for resolved alerts.
    private func scanResolutions() -> ResolutionScan {
        let end = ContinuousClock.now + Self.surveyTime
        var resolved = ResolutionScan()
        var cursor: JournalID?
        var isLast = false
        while !isLast, ContinuousClock.now < end,
            let pending = services.journal.loadNow(
                destination, after: cursor, limit: Self.page.notifications, byteLimit: Self.page.bytes)
        {
            // Skip suspects: they are parsed only when they are due.
            for notification in pending.notifications where services.crashGuard.crashes(of: notification.id).all == 0 {
                handling.during(.init(notification.id)) {
                    if let payload = try? parser.decode(notification.value.body) { resolved.add(notification, payload) }
                }
            }
            cursor = pending.cursor ?? cursor
            isLast = pending.isLast
        }
        return resolved
    }
}

/// A serial Dispatch queue as the executor of an actor. On Linux `DispatchSerialQueue` is not available as an executor.
final class QueueExecutor: SerialExecutor {
    let queue: DispatchQueue

    init(label: String) {
        queue = DispatchQueue(label: label)
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { job.runSynchronously(on: self.asUnownedSerialExecutor()) }
    }

    func checkIsolated() {
        dispatchPrecondition(condition: .onQueue(queue))
    }
}
