extension SQLiteJournalStore {
    func inspect() throws(JournalStoreError) -> StorageSpace {
        try checkFiles()
        // The ballast counts as free: it is there to be given up. So taking it back does not change the verdict.
        let free = folder.freeBytes ?? 0
        let available = free + (ballast.isHeld ? ballast.size : 0)
        guard available >= 2 * ballast.size else { return .low }
        return ballast.hold() ? .ample : .low
    }

    func relieve() throws(JournalStoreError) {
        ballast.release()
        do throws(JournalStoreError) {
            try use { (statements) throws(SQLiteError) in
                try statements.connection.checkpoint(truncating: true)
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
