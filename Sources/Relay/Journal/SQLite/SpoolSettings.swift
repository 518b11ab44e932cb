/// Where the embedded spool lies and how much it may take.
struct SpoolSettings: Sendable {
    /// The storage folder; made where there is none.
    var folder: String
    /// Root may work in anybody's folder: for commands that a person gives, not for the server.
    var letsRootIn = false
    /// The database's size at most; its log adds up to 32 MiB, the ballast its own size.
    var limitBytes: Int64 = 1 << 30
    /// Before it is capped to an eighth of the limit and of the space that is free at the start; 0 for none.
    var ballastBytes: Int64 = 32 << 20
    /// Above this size a database is not checked as a whole after an unclean end, so that starting does not take
    /// minutes.
    var checkedBytes: Int64 = 1 << 30

    /// The same after an orderly end. Damage then is the disk's, and rare; the check takes a tenth of a second.
    var checkedWhenClosedBytes: Int64 = 64 << 20

    static let pageSize: Int64 = 8192
    /// The log is checkpointed at 16 MB: it costs 3-9 ms then, and a larger one only more (reliability.md 2.2).
    static let framesPerCheckpoint = 2000

    var pages: Int64 { limitBytes / Self.pageSize }

    /// The most that SQLite 3.40 takes for max_page_count: 8 TiB.
    static let unlimitedPages: Int64 = 1_073_741_823

    /// Appends stop here: the rest is for settlements, since moving a dead letter may need pages for a moment.
    var appendLimitBytes: Int64 { limitBytes - max(limitBytes / 64, 32 * Self.pageSize) }

    func ballast(freeBytes: Int64) -> Int64 {
        max(0, min(ballastBytes, limitBytes / 8, freeBytes / 8))
    }
}
