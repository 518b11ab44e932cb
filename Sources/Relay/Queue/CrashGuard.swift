import Alerts
import Glibc
import Journaling
import Logging
import RocketChat
import SQLiteJournal
import Support
import Synchronization

/// Remembers which notifications were handled when the process crashed, so that none can crash it at every start: the
/// machine gives one up after three crashes, two of them while it was handled alone.
///
/// A notification is handled while it is decoded and rendered, and while the answer to it is read. It is not while its post waits for the server:
/// a process that is killed then must not incriminate it.
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

    /// Logs what was found at the start.
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

    /// What a queue handles at this moment; used by one queue only.
    func makeSlot() -> Slot {
        let index = slotsGiven.add(1, ordering: .relaxed).oldValue
        return Slot(file: file, index: index < HandlingFile.slots ? index : nil)
    }

    /// Crashes of earlier processes that were handling it, and how many of them while they handled nothing else.
    func crashes(of id: JournalID) -> (all: UInt8, alone: UInt8) {
        guard !isEmpty.load(ordering: .relaxed) else { return (0, 0) }
        let (all, alone) = ledger.withLock { $0.crashes(of: id) }
        return (UInt8(clamping: all), UInt8(clamping: alone))
    }

    /// A destination's notifications up to here are settled.
    func settled(through id: JournalID) {
        guard !isEmpty.load(ordering: .relaxed) else { return }
        ledger.withLock { ledger in
            let before = ledger
            ledger.settled(through: id)
            // Within the lock, so that one writer at a time is in the file.
            if ledger != before { file.write(ledger) }
            isEmpty.store(ledger.entries.isEmpty, ordering: .relaxed)
        }
    }

    struct Slot: Sendable {
        fileprivate let file: HandlingFile
        /// Nil where there are more queues than slots: that queue is not guarded.
        fileprivate let index: Int?

        /// Runs `body` while the process is known to handle these.
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

extension DeadLetter.Reason {
    /// The process crashed again and again while handling it.
    static let crash = DeadLetter.Reason(rawValue: "crash")
}

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
