import Alerts
import Glibc
import Journaling
import Logging
import Support
import Synchronization

/// Records which notifications were handled when the process crashed, so that none can crash it at every start. The
/// machine gives a notification up after three crashes, two of them while it was handled alone.
///
/// A notification is handled while it is decoded and rendered, and while its response is parsed. It is not handled
/// while its post waits for the server: killing the process then must not count as a crash.
final class CrashGuard: Sendable {
    private let file: HandlingFile
    private let ledger: Locked<CrashLedger>
    private let isEmpty: Atomic<Bool>
    private let slotsGiven = Atomic(0)
    /// The ledger as it was at the start.
    let found: [CrashLedger.Entry]
    /// errno if crashes cannot be recorded, else nil.
    var failure: Int32? { file.failure }

    init(_ file: HandlingFile) {
        self.file = file
        var ledger = file.readLedger()
        let handled = file.takeHandled()
        for each in handled { ledger.record(each, nothingElse: handled.count == 1) }
        file.write(ledger)
        found = ledger.entries
        isEmpty = Atomic(ledger.entries.isEmpty)
        self.ledger = Locked(ledger)
    }

    /// Logs the crashes found at the start.
    func report(to logger: Logger) {
        if let failure {
            logger.error(
                "crashes cannot be attributed: the file is not usable",
                metadata: ["err": "\(String(cString: strerror(failure)))"])
        }
        for entry in found {
            logger.error(
                "an earlier process crashed while handling notifications",
                metadata: [
                    "severity": "\(entry.handled.first.destination.severity)", "first": "\(entry.handled.first)",
                    "last": "\(entry.handled.last)", "crashes": "\(entry.crashes)",
                ])
        }
    }

    /// Creates the slot of a queue. A slot must be used by one queue only.
    func makeSlot() -> Slot {
        let index = slotsGiven.add(1, ordering: .relaxed).oldValue
        return Slot(file: file, index: index < HandlingFile.slots ? index : nil)
    }

    /// The number of earlier crashes while it was handled, in total and while nothing else was handled.
    func crashes(of id: JournalID) -> (all: UInt8, alone: UInt8) {
        guard !isEmpty.load(ordering: .relaxed) else { return (0, 0) }
        let (all, alone) = ledger.withLock { $0.crashes(of: id) }
        return (UInt8(clamping: all), UInt8(clamping: alone))
    }

    /// Must be called when the notifications of a destination up to this one are settled.
    func settled(through id: JournalID) {
        guard !isEmpty.load(ordering: .relaxed) else { return }
        ledger.withLock { ledger in
            let before = ledger
            ledger.settled(through: id)
            // Under the lock, so that only one thread writes the file.
            if ledger != before { file.write(ledger) }
            isEmpty.store(ledger.entries.isEmpty, ordering: .relaxed)
        }
    }

    struct Slot: Sendable {
        fileprivate let file: HandlingFile
        /// Nil if all slots are used; then the queue is not guarded.
        fileprivate let index: Int?

        /// Runs `body` and records these notifications as handled meanwhile.
        func during<Result, Failure: Error>(
            _ handled: CrashLedger.Handled?, _ body: () throws(Failure) -> Result
        ) throws(Failure) -> Result {
            guard let index, let handled else { return try body() }
            file.enter(index, handled)
            defer { file.leave(index) }
            return try body()
        }
    }
}

/// Counts, for each notification, the crashes of earlier processes that were handling it. A value without I/O.
///
/// A crash during a digest makes all its members suspects. They are sent in ever smaller digests, finally alone, until
/// the cause is known.
struct CrashLedger: Sendable, Equatable {
    /// Notifications of one destination that were handled together. Both IDs are equal for a single one.
    struct Handled: Sendable, Hashable {
        var first: JournalID
        var last: JournalID

        /// Returns nil if the IDs are no valid range, because the storage is damaged.
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
        /// The number of crashes while these were handled.
        var crashes: Int
        /// The number of these crashes while one was handled alone and no other queue handled anything.
        var crashesAlone = 0
    }

    static let capacity = 128

    /// In order of addition.
    private(set) var entries: [Entry] = []

    init(_ entries: [Entry] = []) {
        self.entries = Array(entries.suffix(Self.capacity))
    }

    /// Counts a crash while these were handled.
    ///
    /// - Parameter nothingElse: whether no other queue handled anything.
    mutating func record(_ handled: Handled, nothingElse: Bool) {
        var entry = Entry(handled: handled, crashes: 0)
        if let index = entries.firstIndex(where: { $0.handled == handled }) { entry = entries.remove(at: index) }
        entry.crashes = min(entry.crashes + 1, Int(UInt16.max))
        if handled.isAlone, nothingElse { entry.crashesAlone = min(entry.crashesAlone + 1, Int(UInt16.max)) }
        entries.append(entry)
        if entries.count > Self.capacity { entries.removeFirst() }
    }

    /// The number of crashes while it was handled, in total and alone.
    func crashes(of id: JournalID) -> (all: Int, alone: Int) {
        entries.filter { $0.handled.contains(id) }.reduce((0, 0)) { ($0.0 + $1.crashes, $0.1 + $1.crashesAlone) }
    }

    /// Removes the settled notifications of a destination up to this one. If the process crashes before the settlements
    /// are on disk, counting restarts.
    mutating func settled(through id: JournalID) {
        entries.removeAll { $0.handled.last <= id && $0.handled.first.destination == id.destination }
    }
}
