/// What queues ask of the journal.
protocol OutboundJournal: Sendable {
    /// Reads pending rows behind `after`, oldest first, without their bodies; calls back on the journal's queue, with nil
    /// when the journal has failed.
    func rows(
        _ destination: Destination, after: JournalID?, limit: Int,
        then done: @escaping @Sendable (PendingRows?) -> Void)

    /// Reads pending notifications behind `after`, oldest first; nil when the journal has failed. Waits for the journal's
    /// queue: never to be called on the loop or on that queue.
    func loadNow(_ destination: Destination, after: JournalID?, limit: Int, byteLimit: Int) -> PendingWindow?

    /// Makes durable what was settled until now, and these records with it. Waits as `loadNow`.
    func commitNow(_ hooks: [HookRow]) -> Result<Void, JournalRefusal>

    /// Writes the final outcome of a notification with a coming commit, and tries until it is written.
    func settle(_ id: JournalID, as settlement: Settlement)
}

extension Journal: OutboundJournal {
    func rows(
        _ destination: Destination, after: JournalID?, limit: Int,
        then done: @escaping @Sendable (PendingRows?) -> Void
    ) {
        rows(destination, after: after, limit: limit) { result in done(try? result.get()) }
    }

    func loadNow(_ destination: Destination, after: JournalID?, limit: Int, byteLimit: Int) -> PendingWindow? {
        try? load(destination, after: after, limit: limit, byteLimit: byteLimit).get()
    }
}
