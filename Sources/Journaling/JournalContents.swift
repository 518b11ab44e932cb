package import Alerts

/// What an engine of a journal and its store have in common: the content besides commits. Synchronous; all calls are made
/// on the journal's queue.
package protocol JournalContents: AnyObject {
    /// Assigns a free number to each name without one, and returns all receivers with a number. If `forgettingOthers`
    /// is set, the numbers of other receivers without notifications become free; a shared engine ignores it, because
    /// other replicas may have other settings.
    func register(_ names: [String], forgettingOthers: Bool) throws(JournalStoreError) -> [ReceiverID: String]

    /// Called after a commit is acknowledged, for work such as a checkpoint.
    func maintain() throws(JournalStoreError)

    /// Reads pending notifications of a destination after `after`, in the order of their ids: at most `limit`, and none
    /// after their bodies reach `byteLimit` bytes. Moves damaged ones to the dead letters.
    func pending(
        _ destination: Destination, after: JournalID?, limit: Int, byteLimit: Int, at now: Timestamp
    ) throws(JournalStoreError) -> StoredWindow
    /// Like `pending`, without bodies. Moves misplaced rows to the dead letters and returns their number as `damaged`.
    func rows(
        _ destination: Destination, after: JournalID?, limit: Int, at now: Timestamp
    ) throws(JournalStoreError) -> (rows: PendingRows, damaged: Int)
    /// When the oldest pending notification was accepted; nil if there is none.
    func oldestPending(_ destination: Destination) throws(JournalStoreError) -> Timestamp?

    /// The names of the receivers that have a number, as of the last call.
    var receivers: [ReceiverID: String] { get }
    /// The numbers of pending notifications. Those of a shared engine may be some seconds old, as all figures below.
    var pendingCounts: [Destination: Int] { get }
    var deadLetterCounts: [Destination: Int] { get }
    /// The bytes in use and their limits. By them the writer refuses payloads before it drafts them (`JournalShares`).
    var usage: JournalUsage { get }
    /// Whether a journal that was at its limit has enough space to accept appends again.
    var hasCapacity: Bool { get }

    /// Returns at most `limit` dead letters after `after`, in the order of their ids.
    func deadLetters(after: JournalID?, limit: Int) throws(JournalStoreError) -> [DeadLetter]
    /// Returns nil if the dead letter does not exist.
    func deadLetter(_ id: JournalID) throws(JournalStoreError) -> DeadLetterContent?
    /// Deletes dead letters permanently. Returns the number of deleted ones.
    ///
    /// - Parameter history: The records of the dead letters, which are written for those that are deleted.
    func drop(_ ids: [JournalID], history: HistoryNote?) throws(JournalStoreError) -> Int

    /// The limits of the history. Commits and `pruneHistory` apply them, in parts of bounded size.
    ///
    /// The history gives way to everything else: an engine without space for it deletes or omits it, and fails neither
    /// a commit nor an opening because of it. A damaged row is skipped.
    var historyLimits: HistoryLimits { get set }
    var historyUsage: HistoryUsage { get }
    /// Reads at most `limit` rows of the history before the row `before`, newest first, and none after their records
    /// reach `byteLimit` bytes; nil means from the newest.
    func history(before: Int64?, limit: Int, byteLimit: Int) throws(JournalStoreError) -> StoredHistory
    /// Called regularly. Deletes some of the rows that are above the limits, if there are enough for a transaction.
    func pruneHistory(at now: Timestamp) throws(JournalStoreError)

    /// Closes the storage, so that the next start need not recover. The engine must not be used again.
    func close(at now: Timestamp) throws(JournalStoreError)
    /// Closes the storage without writing. The engine must not be used again.
    func closeWithoutFlush()
}
