import Glibc
import Libevent
import Logging
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

extension DeadLetterReason {
    /// The process crashed again and again while handling it.
    static let crash = DeadLetterReason(rawValue: "crash")
}
