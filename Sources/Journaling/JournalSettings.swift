/// The limits and intervals of the journal. The defaults are those of the program.
package struct JournalSettings: Sendable {
    /// How long an identical payload is a duplicate; zero switches deduplication off.
    package var dedupeWindow: Duration = .seconds(60)
    /// The maximum number of remembered dedupe keys. The oldest are removed first.
    var dedupeCapacity = 262_144
    /// The maximum number of requests in a transaction. Larger transactions are slower per row and delay responses:
    /// measured, a commit takes 0.73 ms for 64 rows and 6.5-8 ms for 512.
    var requestsPerCommit = 128
    /// The maximum size in bytes of all bodies in a transaction with several requests.
    var bytesPerCommit = 8 << 20
    /// The maximum number of settlements in a transaction. A folded message settles thousands, and webhooks must not
    /// wait for all of them.
    var settlementsPerCommit = 1024
    /// The inbox limits for critical requests; other severities have shares of them. A payload of any size is accepted
    /// if the inbox is empty.
    var inboxRequests = 8192
    var inboxBytes = 64 << 20
    /// How long a settlement waits for an append that it can share a transaction with.
    var settleDelay: Duration = .milliseconds(2)
    /// The interval of checks of the storage.
    var inspectionInterval: Duration = .seconds(1)
    var history = HistoryLimits.standard
    /// How long the sender of a request waits. A request that waited longer is refused, because its retry may be outside
    /// the dedupe window when a frozen process goes on. Nil for no limit: must be set for a shared journal only. There a
    /// retry can reach another replica meanwhile; in a single process it waits behind the request.
    package var replyTimeout: Duration?

    package init(
        dedupeWindow: Duration = .seconds(60), history: HistoryLimits = .standard, dedupeCapacity: Int = 262_144,
        requestsPerCommit: Int = 128,
        bytesPerCommit: Int = 8 << 20, settlementsPerCommit: Int = 1024, inboxRequests: Int = 8192,
        inboxBytes: Int = 64 << 20, settleDelay: Duration = .milliseconds(2), inspectionInterval: Duration = .seconds(1)
    ) {
        self.dedupeWindow = dedupeWindow
        self.history = history
        self.dedupeCapacity = dedupeCapacity
        self.requestsPerCommit = requestsPerCommit
        self.bytesPerCommit = bytesPerCommit
        self.settlementsPerCommit = settlementsPerCommit
        self.inboxRequests = inboxRequests
        self.inboxBytes = inboxBytes
        self.settleDelay = settleDelay
        self.inspectionInterval = inspectionInterval
    }
}
