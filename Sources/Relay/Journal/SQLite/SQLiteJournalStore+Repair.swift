/// Putting a repaired copy in the place of a damaged database.
extension SQLiteJournalStore {
    /// Fails without a change to the damaged files, which the next start finds as this one did.
    func repair(because reason: String, at now: Timestamp) throws(JournalOpenError) {
        try openWitness(makingNew: false)
        let name = try folder.beginRepair(at: now)
        do throws(SQLiteError) {
            try makeCopy(called: name, because: reason, at: now)
        } catch {
            guard error.code.primary == .full, releaseFoundBallast() else {
                throw .unusable(
                    path: folder.database,
                    reason: "it is damaged (\(reason)), and no repaired copy can be made: \(error.description)")
            }
            return try repair(because: reason, at: now)
        }
        try folder.commitRepair()
        try folder.finishRepair(at: now)
        folder.removeImage()
    }

    private func makeCopy(called name: String, because reason: String, at now: Timestamp) throws(SQLiteError) {
        let connection = try connect(to: folder.copy)
        // Whatever fitted into the damaged database must fit into its copy, however little room a page leaves.
        try configure(connection, pages: 1 << 31)
        try schema.migrate(connection, from: 0)
        let statements = try SpoolStatements(connection)
        let witnessed = witness?.last
        let log = SpoolLog(path: folder.log, witnessed: witnessed?.loggedFrames)
        let salvage = salvage(to: statements, log, at: now)
        let reserved = salvage.reservedSequence ?? witnessed.map { $0.nextSequence + Self.sequenceBlock }
        try salvage.run()
        try connection.transaction { () throws(SQLiteError) in
            let destinations = Destination.all(with: salvage.receivers.keys)
            let next = try firstSequence(behind: reserved, of: destinations, on: connection)
            try statements.set(Meta.reservedSequence, to: max(next, witnessed?.nextSequence ?? 0))
            // Above the witness's, whose claims are settled with this.
            try statements.set(Meta.session, to: (witnessed?.session ?? 0) + 1)
            try report(reason, name, salvage.outcome, missing(after: salvage.outcome, witnessed, log))
                .write(to: connection)
        }
        try connection.checkpoint(truncating: true)
    }

    /// From the damaged files, or where the log is damaged from an image of them whose log can be read.
    private func salvage(to statements: SpoolStatements, _ log: SpoolLog, at now: Timestamp) -> SpoolSalvage {
        let isWhole = log.frames.count == log.validFrames && SpoolFile(folder.database)?.size ?? 0 > 0
        let source = !isWhole && folder.makeImage(log) ? folder.image : folder.database
        let pages = SpoolPages(database: folder.database, log: log)
        return SpoolSalvage(from: source, pages: pages, to: statements, at: now)
    }

    private func report(
        _ reason: String, _ name: String, _ outcome: SpoolSalvage.Outcome, _ missing: Int64?
    ) -> SpoolReport {
        let count = missing.map { $0 == 0 ? "no acknowledged notification is missing" : SpoolReport.missing($0) }
        return SpoolReport(
            missing: missing ?? 0,
            text: "the spool was damaged (\(reason)) and set aside as \(name); \(outcome); "
                + (count ?? "nothing tells how many are missing"))
    }
}
