import CSQLite
import Glibc
package import Journaling

/// The space on the disk and in the journal.
extension SQLiteJournalStore {
    package func inspect() throws(JournalStoreError) -> StorageSpace {
        try checkFiles()
        // Bounds how old the witness is after a power failure.
        witness?.sync()
        if isLowOnSpace, checkpointGrowth > 0 { try emptyLog() }
        if unmeasuredFrames > 0 {
            try withStatements { (statements) throws(SQLiteError) in try measureUsage(statements) }
        }
        releaseIdleMemory()
        return !isLowOnSpace && ballast.allocate() ? .ample : .low
    }

    /// Releases SQLite's page cache once the database is idle. With 100 receivers the start alone fills it with the first
    /// page of 400 tables.
    private func releaseIdleMemory() {
        guard idleInspections < 2 else { return }
        idleInspections += 1
        guard idleInspections == 2, let statements else { return }
        statements.connection.releaseMemory()
        malloc_trim(0)
    }

    private var isLowOnSpace: Bool {
        // The ballast counts as free space, so that allocating it does not change the result.
        let free = folder.freeBytes ?? 0
        return free + (ballast.isAllocated ? ballast.size : 0) < 2 * ballast.size + checkpointGrowth
    }

    /// The number of bytes by which a checkpoint can enlarge the database. The start after a kill needs that space for
    /// its checkpoint.
    private var checkpointGrowth: Int64 { Int64(statements?.connection.logFrames ?? 0) * SpoolSettings.pageSize }

    /// Whether the disk has space for an append, the checkpoint after it, and the ballast.
    func hasSpace(for bytes: Int64) -> Bool {
        guard let free = folder.freeBytes else { return true }
        // The bodies are written to the log and to the database.
        return free >= ballast.size + checkpointGrowth + 2 * bytes
    }

    package func releaseBallast() throws(JournalStoreError) {
        ballast.release()
        try emptyLog()
    }

    private func emptyLog() throws(JournalStoreError) {
        do throws(JournalStoreError) {
            try withStatements { (statements) throws(SQLiteError) in
                invalidateWitness(.idle)
                try statements.connection.checkpoint(truncating: true)
                noteCheckpoint()
            }
        } catch {
            // The disk is still full. The next inspection or settlement retries.
            guard case .full = error else { throw error }
        }
    }

    /// Fails if a file was deleted or replaced: commits to it would be lost when the process ends.
    private func checkFiles() throws(JournalStoreError) {
        guard let databaseFile, databaseFile.isSame(as: SpoolFile(folder.database)) else {
            throw .broken("\(folder.database) was removed or replaced while in use")
        }
        guard let logFile, logFile.isSame(as: SpoolFile(folder.log)) else {
            throw .broken("\(folder.log) was removed or replaced while in use")
        }
    }

    // MARK: Usage of the journal

    /// Updates `usedBytes` after a transaction, unless it is known well enough. SQLite parses a pragma at each use, which
    /// takes as long as inserting a row.
    ///
    /// A transaction writes each page that it adds, so between two measurements `usedBytes` is too low by at most the
    /// written frames: 512 KiB, and at most 1/256 of the limit. From half of the limit on, it is always measured.
    func updateUsage(_ statements: SpoolStatements, writtenFrames: Int) throws(SQLiteError) {
        unmeasuredFrames += max(0, writtenFrames)
        guard unmeasuredFrames > min(64, settings.pages / 256) || usedBytes > settings.limitBytes / 2 else { return }
        try measureUsage(statements)
    }

    /// Sets `usedBytes` from the pages in use, without empty receiver tables. The log and the ballast are not included.
    func measureUsage(_ statements: SpoolStatements) throws(SQLiteError) {
        unmeasuredFrames = 0
        let pages = try (statements.pageCount.integer() ?? 0) - (statements.freePages.integer() ?? 0)
        usedBytes = max(0, pages - receiverPages) * SpoolSettings.pageSize
    }

    /// The pages of empty receiver tables: per receiver, a root page for each severity and about 1 KiB of
    /// sqlite_schema.
    private var receiverPages: Int64 {
        let count = Int64(receivers.count)
        return 4 * count + count / 8
    }

    /// Sets SQLite's page limit, for appends only. A full journal must still be able to commit settlements, or it could
    /// not drain, and to register receivers, or it could not start with a new one. While half of 64 MiB or more is free,
    /// the limit stays set, because SQLite parses a pragma at each use. Receivers need at most 1,100 pages.
    func limitPages(isBounded: Bool, _ connection: SQLiteConnection) throws(SQLiteError) {
        let limit = isBounded ? settings.pages + receiverPages : SpoolSettings.unlimitedPages
        let isFarOff = settings.limitBytes >= 64 << 20 && usedBytes <= settings.limitBytes / 2
        guard limit != pageLimit, isBounded || pageLimit == nil || !isFarOff else { return }
        try connection.execute("PRAGMA max_page_count = \(limit)")
        pageLimit = limit
    }
}
