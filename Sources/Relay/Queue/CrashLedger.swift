/// Counts, for each notification, the crashes of earlier processes that were handling it. A value without I/O.
///
/// A crash while a digest is handled makes all of its members suspects. They travel in ever smaller company, at last each
/// alone, so that the crashing one is known.
struct CrashLedger: Sendable, Equatable {
    /// Notifications of one destination that were handled together; one, where both ids are the same.
    struct Handled: Sendable, Hashable {
        var first: JournalID
        var last: JournalID

        /// Nil where the ids can be no such range: the storage changed them.
        init?(first: JournalID, last: JournalID) {
            guard first.rawValue > 0, first <= last, first.destination == last.destination else { return nil }
            self.first = first
            self.last = last
        }

        init(_ id: JournalID) {
            first = id
            last = id
        }

        var isAlone: Bool { first == last }

        func contains(_ id: JournalID) -> Bool {
            first <= id && id <= last && first.destination == id.destination
        }
    }

    struct Entry: Sendable, Equatable {
        var handled: Handled
        /// Crashes while these were handled.
        var crashes: Int
        /// How many of these happened while one of them was handled alone, and nothing else at the same time.
        var crashesAlone = 0
    }

    static let capacity = 128

    /// The one that was added last is at the end.
    private(set) var entries: [Entry] = []

    init(_ entries: [Entry] = []) {
        self.entries = Array(entries.suffix(Self.capacity))
    }

    /// Counts a crash while these were handled.
    ///
    /// - Parameter nothingElse: no other queue handled anything.
    mutating func record(_ handled: Handled, nothingElse: Bool) {
        var entry = Entry(handled: handled, crashes: 0)
        if let index = entries.firstIndex(where: { $0.handled == handled }) { entry = entries.remove(at: index) }
        entry.crashes = min(entry.crashes + 1, Int(UInt16.max))
        if handled.isAlone, nothingElse { entry.crashesAlone = min(entry.crashesAlone + 1, Int(UInt16.max)) }
        entries.append(entry)
        if entries.count > Self.capacity { entries.removeFirst() }
    }

    /// Crashes while it was handled, alone or with others.
    func crashes(of id: JournalID) -> (all: Int, alone: Int) {
        entries.filter { $0.handled.contains(id) }.reduce((0, 0)) { ($0.0 + $1.crashes, $0.1 + $1.crashesAlone) }
    }

    /// Forgets a destination's notifications up to this one, which are settled. If the process crashes before the
    /// settlements are on disk, counting starts again.
    mutating func settled(through id: JournalID) {
        entries.removeAll { $0.handled.last <= id && $0.handled.first.destination == id.destination }
    }
}
