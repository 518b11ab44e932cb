extension SQLiteJournalStore {
    func inspect() throws(JournalStoreError) -> StorageSpace {
        try checkFiles()
        // So that a power cut leaves it no further behind than this.
        witness?.sync()
        if isShort, checkpointGrowth > 0 { try emptyLog() }
        return !isShort && ballast.hold() ? .ample : .low
    }

    private var isShort: Bool {
        // The ballast counts as free: it is there to be given up. So taking it back does not change the verdict.
        let free = folder.freeBytes ?? 0
        return free + (ballast.isHeld ? ballast.size : 0) < 2 * ballast.size + checkpointGrowth
    }

    /// By how many bytes a checkpoint can let the database grow. A start after a kill begins with one, so that what is
    /// accepted must leave room for it.
    private var checkpointGrowth: Int64 { Int64(statements?.connection.logFrames ?? 0) * SpoolSettings.pageSize }

    /// Whether the disk has room for an append and for the checkpoint after it, with a ballast's size to spare.
    func hasSpace(for bytes: Int64) -> Bool {
        guard let free = folder.freeBytes else { return true }
        // Once in the log and once in the database.
        return free >= ballast.size + checkpointGrowth + 2 * bytes
    }

    func relieve() throws(JournalStoreError) {
        ballast.release()
        try emptyLog()
    }

    private func emptyLog() throws(JournalStoreError) {
        do throws(JournalStoreError) {
            try use { (statements) throws(SQLiteError) in
                withdrawClaim(.idle)
                try statements.connection.checkpoint(truncating: true)
                noteCheckpoint()
            }
        } catch {
            // Still full: the next inspection or settlement tries again.
            guard case .full = error else { throw error }
        }
    }

    /// A commit into a file that has no name any more would be lost with the process.
    private func checkFiles() throws(JournalStoreError) {
        guard let databaseFile, databaseFile.isSame(as: SpoolFile(folder.database)) else {
            throw .broken("\(folder.database) was removed or replaced while in use")
        }
        guard let logFile, logFile.isSame(as: SpoolFile(folder.log)) else {
            throw .broken("\(folder.log) was removed or replaced while in use")
        }
    }
}
