import Dispatch
import Journaling
import SQLiteJournal
import Support

/// Opens the journal on a thread of its own, so that the start does something else while the disk writes.
final class JournalOpening: Sendable {
    typealias Opened = (Intake.AlertJournal, Intake.FailureSignal)

    private let result = Locked<Result<Opened, JournalOpenError>?>(nil)
    private let finished = DispatchSemaphore(value: 0)

    /// Starts to open the journal.
    init(_ configuration: RelayConfiguration, observer: JournalMetrics) {
        let spool = SpoolSettings(folder: configuration.storagePath, limitBytes: Int64(configuration.journalLimit))
        let settings = JournalSettings(dedupeWindow: configuration.dedupeWindow, history: configuration.history)
        DispatchQueue.global(qos: .userInitiated).async { [result, finished] in
            let outcome = Result { () throws(JournalOpenError) in
                try Intake.open(SQLiteJournalStore(spool), settings: settings, observer: observer)
            }
            result.withLock { $0 = outcome }
            finished.signal()
        }
    }

    /// Blocks until the journal is open. Fails if it cannot be opened. Must be called only once.
    func wait() throws(JournalOpenError) -> Opened {
        finished.wait()
        guard let outcome = result.withLock({ $0 }) else { bug("the journal's opening has no result") }
        return try outcome.get()
    }
}
