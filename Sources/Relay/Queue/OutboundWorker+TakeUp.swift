import Libevent
import Logging

/// Choosing what the next message carries: at the last moment, so that it says all that is known when it leaves.
extension OutboundWorker {
    /// How much one message may stand for. What is beyond it comes with the next one.
    private static let foldLimit = 20_000
    /// How long gathering may take, with the hook's turn held.
    private static let foldTime = Duration.seconds(2)

    /// The next cargo; nil where nothing readable waits.
    func takeUp(_ grant: HookGate.Grant) -> Cargo? {
        // A hook that is being tried out gets one notification and not the backlog.
        if grant.isProbe || !mustFold(grant) { return single() }
        return fold()
    }

    /// More waits than the budget lets out at once, or what waits is so old that some of it may not matter any more.
    func mustFold(_ grant: HookGate.Grant) -> Bool {
        let (first, count, isBehind) = window.withLock { ($0.first, $0.count, $0.isBehind) }
        guard let first, count > 1 || isBehind else { return false }
        return isStale(first) || (grant.spare < .max && (isBehind || count - 1 > grant.spare))
    }

    private func single() -> Cargo? {
        while let next = window.withLock({ $0.first }) {
            if let payload = decode(next) { return .single(next, payload) }
        }
        return nil
    }

    /// Everything that waits, read from the journal where the window does not hold it.
    private func fold() -> Cargo? {
        let end = clock.now + Self.foldTime
        let resolved = window.withLock { $0.first }.map(isStale) == true ? survey(until: end) : nil
        var fold = Cargo.Fold(digest: Digest(settings: services.own.renderer.settings, severity: severity))
        var last: Cargo?
        repeat {
            for notification in window.withLock({ $0.takeAll() }) {
                guard let payload = decode(notification) else { continue }
                if let resolved, isStale(notification), resolved.outdates(notification, payload) {
                    expire(notification)
                    continue
                }
                fold.digest.add(payload)
                fold.entries.append(Cargo.Entry(notification))
                last = .single(notification, payload)
            }
        } while fold.entries.count < Self.foldLimit && clock.now < end && readOn()
        return fold.entries.count == 1 ? last : fold.entries.isEmpty ? nil : .fold(fold)
    }

    /// Fills the window from the journal; false where there is nothing more.
    private func readOn() -> Bool {
        let (isBehind, after, known, room) = window.withLock { ($0.isBehind, $0.loaded, $0.newest, $0.room) }
        guard isBehind, let pending = read(after: after, room) else { return false }
        return window.withLock { window in
            window.refill(pending, known: known)
            return window.first != nil
        }
    }

    private func read(after: JournalID?, _ room: (notifications: Int, bytes: Int)) -> PendingWindow? {
        services.journal.loadNow(destination, after: after, limit: room.notifications, byteLimit: room.bytes)
    }

    // MARK: What has become old

    private func isStale(_ notification: Journaled<Notification>) -> Bool {
        Timestamp.now().since(notification.value.acceptedAt) > services.maxAge
    }

    /// Looks through the backlog for what has been resolved.
    private func survey(until end: Instant) -> ResolvedLater {
        var resolved = ResolvedLater()
        var cursor: JournalID?
        var isLast = false
        while !isLast, clock.now < end, let pending = read(after: cursor, (256, 4 << 20)) {
            for notification in pending.notifications {
                if let payload = try? parser.decode(notification.value.body) { resolved.add(notification, payload) }
            }
            cursor = pending.cursor ?? cursor
            isLast = pending.isLast
        }
        return resolved
    }

    private func expire(_ notification: Journaled<Notification>) {
        services.metrics.notificationsExpired[severity.rawValue, receiver].increment()
        services.logger.notice(
            "notification expired: older than the maximum age, and resolved since",
            metadata: ["severity": "\(severity)", "id": "\(notification.id)"])
        settle(notification.id, .expired)
    }

    // MARK: Reading a notification

    /// nil where the notification went to the dead letters, since nobody could read it.
    private func decode(_ notification: Journaled<Notification>) -> Payload? {
        do {
            return try parser.decode(notification.value.body)
        } catch {
            // The journal's checksum held and the body was parsed before it was stored: only a later, stricter parser
            // can get here. A person must see it.
            services.logger.error(
                "notification cannot be read",
                metadata: ["severity": "\(severity)", "id": "\(notification.id)", "err": "\(error.message)"])
            settle(notification.id, .dead(reason: .unreadable, attempts: 0, answer: error.message))
            return nil
        }
    }
}

extension DeadLetterReason {
    /// The body that the journal holds is none that this version understands.
    static let unreadable = DeadLetterReason(rawValue: "unreadable")
}
