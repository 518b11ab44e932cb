/// Which alerts of a backlog are resolved further on in it.
///
/// A firing that has waited for a day and has ended since is no news: saying so would only bury what is.
struct ResolvedLater {
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
