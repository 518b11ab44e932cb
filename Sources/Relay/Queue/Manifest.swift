import DeliveryCore

/// The result of a composition, and what log lines and metrics need of it once it is posted.
struct Manifest: Sendable {
    var parts = 0
    /// The last parts that are copies in a thread.
    var copies = 0
    /// What the messages stand for, in the order of acceptance.
    var entries: [Cargo.Entry] = []
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
        entries.append(Cargo.Entry(notification))
        for alert in payload.alerts where !hasMoreNames {
            let name = alert.displayName
            if names.contains(name) { continue }
            if names.count < Self.namesLimit { names.append(name) } else { hasMoreNames = true }
        }
        guard payload.status == .resolved, resolved.count < Self.resolvedLimit else { return }
        resolved[EntryID(notification.id)] = Headline.subject(of: payload.alerts)
    }
}
