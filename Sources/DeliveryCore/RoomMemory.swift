/// The rooms that may show a queue's groups as firing, and the groups' threads.
struct RoomMemory: Sendable {
    private struct Group: Sendable {
        /// Rooms that may show the group as firing, each with the newest entry that it may show.
        var firingIn: [(hook: HookID, newest: EntryID)] = []
        var thread: (hook: HookID, message: String)?
        var newest: EntryID
    }

    private var groups: [UInt64: Group] = [:]

    var count: Int { groups.count }

    /// Records that the room shows or may show the entry.
    mutating func mayShowFiring(_ entry: PendingEntry, in hook: HookID) {
        guard !entry.isResolved else { return }
        var group = groups[entry.group] ?? Group(newest: entry.id)
        group.newest = max(group.newest, entry.id)
        let newest = group.firingIn.first { $0.hook == hook }.map { max($0.newest, entry.id) } ?? entry.id
        group.firingIn.removeAll { $0.hook == hook }
        group.firingIn.append((hook, newest))
        groups[entry.group] = group
    }

    /// Records that the room shows this resolve. Returns the other rooms that may still show the group as firing,
    /// without those that may show a newer firing entry.
    mutating func showsResolved(_ entry: PendingEntry, in hook: HookID) -> [HookID] {
        guard var group = groups[entry.group] else { return [] }
        let stale = group.firingIn.filter { $0.newest < entry.id }.map(\.hook)
        group.firingIn.removeAll { $0.newest < entry.id }
        groups[entry.group] = group.firingIn.isEmpty ? nil : group
        return stale.filter { $0 != hook }
    }

    mutating func beginThread(_ message: String, of group: UInt64, in hook: HookID) {
        groups[group]?.thread = (hook, message)
    }

    func thread(of group: UInt64, in hook: HookID) -> String? {
        guard let thread = groups[group]?.thread, thread.hook == hook else { return nil }
        return thread.message
    }

    /// Drops the oldest groups above the limit. Drops a quarter at once, because each call sorts all groups.
    mutating func trim(to limit: Int) {
        guard groups.count > limit else { return }
        let oldest = groups.sorted { $0.value.newest < $1.value.newest }.prefix(groups.count - limit * 3 / 4)
        for (key, _) in oldest { groups[key] = nil }
    }
}
