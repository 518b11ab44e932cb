import Alerts
import Journaling
import Posting

/// The content of a mail about alerts that wait.
struct LastResortMail {
    /// The waiting notifications of one destination.
    struct Room {
        /// `critical`, or `database (critical)` for a receiver.
        var name: String
        var digest: Digest
        /// All that wait; more than the digest has if they are too many to read.
        var pending: Int
        var oldest: Timestamp?
    }

    /// The most rooms that are told in full, the most urgent first.
    static let roomLimit = 10
    /// The most bytes of the text. The rest is cut.
    private static let textLimit = 200_000

    let rooms: [Room]
    /// Of rooms beyond `roomLimit`: their names and pending notifications.
    let others: [(name: String, pending: Int)]
    let zone: DisplayZone
    let now: Timestamp

    /// What burns, worst first.
    var subject: String {
        let pending = rooms.reduce(0) { $0 + $1.pending } + others.reduce(0) { $0 + $1.pending }
        guard let first = rooms.first(where: { $0.digest.notifications > 0 }) else {
            return "Rocket.Chat accepts no messages: \(pending) notifications wait"
        }
        let more = rooms.count + others.count - 1
        let rest = more > 0 ? " (and \(more) more \(more == 1 ? "room" : "rooms"))" : ""
        return first.digest.plainText(zone: zone, now: now).headline + rest
    }

    var text: String {
        let pending = rooms.reduce(0) { $0 + $1.pending } + others.reduce(0) { $0 + $1.pending }
        var text = """
            Rocket.Chat accepts no messages: neither the own hook of these rooms nor the next one works.
            \(pending) notifications wait in the relay. They will be posted when a hook works again.

            """
        for room in rooms {
            let age = room.oldest.map { ", the oldest for \(max(.zero, now.since($0)).humanized)" } ?? ""
            text += "\n\(room.name): \(room.pending) notifications\(age)\n"
            if room.digest.notifications > 0 { text += room.digest.plainText(zone: zone, now: now).text }
            let unread = room.pending - room.digest.notifications
            if unread > 0 { text += "  \(unread) more notifications of this room were not read.\n" }
        }
        for other in others { text += "\n\(other.name): \(other.pending) notifications\n" }
        guard text.utf8.count > Self.textLimit else { return text }
        return String(decoding: text.utf8.prefix(Self.textLimit), as: UTF8.self) + "\n(cut)\n"
    }

    static func recoveryText(pending: Int) -> String {
        let rest = pending == 0 ? "Nothing waits." : "\(pending) notifications still wait and are being posted."
        return "Rocket.Chat accepts messages again, and the rooms are told what happened. \(rest)\n"
    }

    static let recoverySubject = "Rocket.Chat accepts messages again"
}

/// Reads the pending notifications for a mail. Blocks on the journal's queue.
struct LastResortReader {
    let journal: any OutboundJournal
    let crashGuard: CrashGuard
    let slot: CrashGuard.Slot

    /// The most notifications of a room, and the time for all rooms.
    private static let limits = (notifications: 2_000, time: Duration.seconds(5))
    private static let page = (notifications: 256, bytes: 4 << 20)

    func mail(_ waiting: [(destination: Destination, name: String, pending: Int)], zone: DisplayZone) -> LastResortMail
    {
        let end = ContinuousClock.now + Self.limits.time
        let parser = WebhookParser()
        let rooms = waiting.prefix(LastResortMail.roomLimit).map { room in
            read(room.destination, room.name, pending: room.pending, parser, until: end)
        }
        return LastResortMail(
            rooms: rooms, others: waiting.dropFirst(LastResortMail.roomLimit).map { ($0.name, $0.pending) }, zone: zone,
            now: .now())
    }

    private func read(
        _ destination: Destination, _ name: String, pending: Int, _ parser: WebhookParser,
        until end: ContinuousClock.Instant
    ) -> LastResortMail.Room {
        var room = LastResortMail.Room(name: name, digest: Digest(severity: destination.severity), pending: pending)
        var (cursor, isLast) = (JournalID?.none, false)
        while !isLast, room.digest.notifications < Self.limits.notifications, ContinuousClock.now < end,
            let page = journal.loadNow(
                destination, after: cursor, limit: Self.page.notifications, byteLimit: Self.page.bytes)
        {
            for notification in page.notifications {
                room.oldest = room.oldest ?? notification.value.acceptedAt
                // A notification under suspicion may crash the process: its queue tries it first.
                guard crashGuard.crashes(of: notification.id).all == 0 else { continue }
                slot.during(.init(notification.id)) {
                    if let payload = try? parser.decode(notification.value.body) { room.digest.add(payload) }
                }
            }
            cursor = page.cursor ?? cursor
            isLast = page.isLast
        }
        room.pending = max(room.pending, room.digest.notifications)
        return room
    }
}
