/// How the journal gathers and remembers; the defaults are the program's.
struct JournalSettings: Sendable {
    /// How long an identical payload is taken for a duplicate; zero for never.
    var dedupeWindow: Duration = .seconds(60)
    /// Remembered dedupe keys at most; beyond it the oldest is forgotten.
    var dedupeCapacity = 262_144
    /// Larger transactions are slower for each row and delay the answers (reliability.md 2.2).
    var requestsPerCommit = 128
    var bytesPerCommit = 8 << 20
    /// A folded message settles thousands at once, which webhooks must not wait for.
    var settlementsPerCommit = 1024
    /// What may wait for the disk at one time, of critical; other severities have their shares of it. A single payload
    /// is taken however large it is.
    var inboxRequests = 8192
    var inboxBytes = 64 << 20
    /// How long a settlement waits for an append to ride with.
    var settleDelay: Duration = .milliseconds(2)
    var inspectionInterval: Duration = .seconds(1)
}
