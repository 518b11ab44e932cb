import Alerts
import DeliveryCore
import Journaling
import RocketChat
import SQLiteJournal

/// What one delivery carries: one notification, or all that waited, folded into one message.
enum DeliveryBatch: Sendable {
    case single(Journaled<Notification>, Payload)
    case fold(Fold)

    struct Fold: Sendable {
        var digest: Digest
        /// In the order of acceptance, never empty.
        var entries: [Entry] = []
    }

    /// What settling needs of a notification.
    struct Entry: Sendable, Equatable {
        var id: JournalID
        var acceptedAt: Timestamp

        init(_ notification: Journaled<Notification>) {
            id = notification.id
            acceptedAt = notification.value.acceptedAt
        }
    }

    var entries: [Entry] {
        switch self {
        case .single(let notification, _): [Entry(notification)]
        case .fold(let fold): fold.entries
        }
    }

    /// How many alerts were folded; none for a notification that has a message of its own.
    var foldedAlerts: Int {
        if case .fold(let fold) = self { fold.digest.alerts } else { 0 }
    }

    /// The messages to post, in their order.
    func messages(
        in form: Form, severity: Severity, renderer: MessageRenderer, banner: MessageBanner, now: Timestamp
    ) -> [Message] {
        switch (self, form) {
        case (.single(_, let payload), .full):
            renderer.render(payload, severity: severity, now: now, banner: banner)
        case (.single(_, let payload), .reduced):
            MessageRenderer(settings: renderer.settings.reduced)
                .render(payload, severity: severity, now: now, banner: banner)
        case (.single(_, let payload), .plain):
            renderer.renderPlain(payload, severity: severity, now: now, banner: banner)
        case (.fold(let fold), .full): [fold.digest.message(now: now, banner: banner)]
        case (.fold(let fold), .reduced):
            [fold.digest.limited(by: renderer.settings.reduced).message(now: now, banner: banner)]
        case (.fold(let fold), .plain): [fold.digest.plainMessage(now: now, banner: banner)]
        case (_, .notice): [RoomNotes.refused(entries.first.map { "\($0.id)" } ?? "", severity: severity)]
        }
    }
}

extension RenderSettings {
    /// Half the text and a quarter of the rest.
    fileprivate var reduced: RenderSettings {
        var smaller = self
        smaller.textLimit = max(500, textLimit / 2)
        smaller.maxAlertsPerMessage = max(1, maxAlertsPerMessage / 4)
        smaller.maxBodyBytes = max(16_384, maxBodyBytes / 4)
        return smaller
    }
}

/// The result of a composition, and what log lines and metrics need of it once it is posted.
struct Manifest: Sendable {
    var parts = 0
    /// The last parts that are copies in a thread.
    var copies = 0
    /// What the messages stand for, in the order of acceptance.
    var entries: [DeliveryBatch.Entry] = []
    /// Why they cannot be read.
    var unreadable: [EntryID: String] = [:]
    /// Firings that are too old, and resolved since.
    var expired: [EntryID] = []
    /// Not in the journal any more.
    var gone: [EntryID] = []
    var foldedAlerts = 0
    /// The first names of alerts, each once.
    var names: [String] = []
    var hasMoreNames = false
    /// What resolved groups were about, for rooms that hear of it late.
    var resolved: [EntryID: String] = [:]

    func event(of queue: QueueID) -> Event {
        .composed(
            queue, parts: parts, copies: copies, unreadable: Array(unreadable.keys), expired: expired + gone)
    }

    private static let namesLimit = 5
    private static let resolvedLimit = 256

    mutating func take(_ notification: Journaled<Notification>, _ payload: Payload) {
        entries.append(DeliveryBatch.Entry(notification))
        for alert in payload.alerts where !hasMoreNames {
            let name = alert.displayName
            if names.contains(name) { continue }
            if names.count < Self.namesLimit { names.append(name) } else { hasMoreNames = true }
        }
        guard payload.status == .resolved, resolved.count < Self.resolvedLimit else { return }
        resolved[EntryID(notification.id)] = Headline.subject(of: payload.alerts)
    }
}

/// Which alerts of a backlog are resolved further on in it.
///
/// A firing that has waited for a day and has ended since is no news: saying so would only bury what is.
struct ResolutionScan {
    private struct Key: Hashable {
        var group: UInt64
        var fingerprint: String
    }

    /// The last notification that resolves the alert.
    private var last: [Key: JournalID] = [:]

    mutating func add(_ notification: Journaled<Notification>, _ payload: Payload) {
        for alert in payload.alerts where alert.status == .resolved {
            last[Key(group: notification.value.group, fingerprint: alert.fingerprint)] = notification.id
        }
    }

    /// All alerts of the notification fire, and each is resolved by a later one.
    func outdates(_ notification: Journaled<Notification>, _ payload: Payload) -> Bool {
        payload.truncatedAlerts == 0 && !payload.alerts.isEmpty
            && payload.alerts.allSatisfy { alert in
                guard alert.status == .firing else { return false }
                let key = Key(group: notification.value.group, fingerprint: alert.fingerprint)
                return last[key].map { $0 > notification.id } ?? false
            }
    }
}
