package import Alerts
package import Journaling

/// Why a database cannot be opened.
enum SpoolOpenError: Error {
    /// The content is damaged. The database must be repaired.
    case damaged(String)
    /// The database must not be used or changed.
    case refused(JournalOpenError)
    case failed(SQLiteError)

    init(_ error: SQLiteError) {
        switch error.code {
        // The statements are correct, so SQLITE_ERROR means that the schema is damaged.
        case .corrupt, .notADatabase, .generic: self = .damaged(error.message)
        default: self = .failed(error)
        }
    }
}

/// Opening and recovery.
extension SQLiteJournalStore {
    package func open(at now: Timestamp) throws(JournalOpenError) -> JournalRecovery {
        try folder.create()
        try SpoolGuard(folder: folder.path, allowsRoot: settings.allowsRoot).check()
        lock = try SpoolLock(folder: folder.path)
        do throws(JournalOpenError) {
            try folder.finishRepair(at: now)
            return try openOrRepair(at: now)
        } catch {
            closeWithoutFlush()
            throw error
        }
    }

    private func openOrRepair(at now: Timestamp) throws(JournalOpenError) -> JournalRecovery {
        do throws(SpoolOpenError) {
            return try recover()
        } catch {
            // Closes the connection, but keeps the lock during the repair.
            statements = nil
            switch error {
            case .damaged(let reason):
                try repair(because: reason, at: now)
                do throws(SpoolOpenError) {
                    var recovery = try recover()
                    recovery.wasClosed = false
                    return recovery
                } catch {
                    throw openError(error)
                }
            case .failed(let failure) where failure.code.primary == .full && releaseExistingBallast():
                return try openOrRepair(at: now)
            case .failed, .refused:
                throw openError(error)
            }
        }
    }

    /// Deletes the ballast of the last process, because opening needs some space. Returns whether there was one.
    func releaseExistingBallast() -> Bool {
        guard SpoolFile.exists(folder.ballast) else { return false }
        SpoolBallast(path: folder.ballast, size: 0).release()
        return true
    }

    /// Opens the existing database or a new one.
    private func recover() throws(SpoolOpenError) -> JournalRecovery {
        if folder.isMarkedDamaged {
            throw .damaged("it was found damaged while in use")
        }
        let found = SpoolFile(folder.database)
        // The witness is created before the database. Otherwise a missing database would look like a new spool.
        try refuse { () throws(JournalOpenError) in
            try openWitness(makingNew: found == nil && !SpoolFile.exists(folder.log))
        }
        let witnessed = witness?.last
        let log = SpoolLog(path: folder.log, witnessed: witnessed?.loggedFrames)
        let isNew = try isNew(found, witnessed, log)
        // SQLite creates the log with its first read of the database.
        let hasLog = SpoolFile.exists(folder.log)
        if log.hasUnreadCommit { throw .damaged("the spool's log is damaged") }
        let isSealed = self.isSealed(with: log)
        let connection = try check { () throws(SQLiteError) in try connect(to: folder.database) }
        let version = try check { () throws(SQLiteError) in Int(try connection.integer("PRAGMA user_version") ?? 0) }
        try refuseUnknown(version, on: connection)
        let hasChecksums = version >= SQLiteSchema.checksumVersion
        let known = try check { () throws(SQLiteError) in hasChecksums ? try meta(Meta.session, on: connection) : 0 }
        let expected = try expectedContent(by: witnessed, log, found, session: known)
        var findings: [SpoolReport] = []
        if hasChecksums, witnessed.map({ $0.isFresh && known ?? 0 > 0 }) ?? true {
            findings.append(
                SpoolReport(
                    text: "spool.witness is missing or damaged, so nothing tells whether notifications are missing"))
        }
        if witness?.hasDamagedSlot == true {
            findings.append(
                SpoolReport(
                    text: "half of spool.witness is damaged, so the last commit may be missing without a count"))
        }
        // A killed process leaves the log file, even if it is empty.
        if known ?? 0 > 0, expected != nil, witnessed?.phase != .closed, !hasLog {
            findings.append(SpoolReport(text: "the spool's log is missing"))
        }
        // From here on the files change.
        try refuse { () throws(JournalOpenError) in try openWitness(makingNew: true) }
        invalidateWitness(.recovering)
        try check { () throws(SQLiteError) in
            try configure(connection, pages: settings.pages)
            try schema.migrate(connection, from: version)
        }
        let wasClosed = try check { () throws(SQLiteError) in
            isNew ? true : try meta(Meta.wasClosed, on: connection) == 1
        }
        // Checking and counting read all pages.
        let isSmall = found.map { $0.size < settings.checkedWhenClosedBytes } ?? true
        if let found, isSmall || !wasClosed && !isSealed && found.size < settings.checkedBytes {
            try checkAll(connection)
        }
        session = max(known ?? 0, witnessed?.session ?? 0) + 1
        return try check { () throws(SQLiteError) in
            try begin(
                connection, wasClosed: wasClosed, trustingMeta: wasClosed && !isSmall, isNew: isNew, expected, findings)
        }
    }

    /// Whether the spool is new: no database, or an empty one, which a kill during the first opening leaves. Fails if
    /// the database is missing or empty but was not before.
    private func isNew(_ found: SpoolFile?, _ witness: SpoolWitness?, _ log: SpoolLog) throws(SpoolOpenError) -> Bool {
        guard found?.size ?? 0 == 0 else { return false }
        // SQLite treats an empty file as a new database and deletes its log.
        guard let witness, witness.isFresh, log.frames.isEmpty else {
            throw .damaged(found == nil ? "the database is missing" : "the database is empty")
        }
        return true
    }

    /// Opens a connection, which takes the exclusive lock with its first read. Does not write.
    func connect(to path: String) throws(SQLiteError) -> SQLiteConnection {
        let connection = try SQLiteConnection(path: folder.resolvingLinks(path), followsLinks: false)
        folder.makePrivate(path)
        // Set before the first read, so that there is no shared-memory file and no other process can read.
        try connection.execute("PRAGMA locking_mode = EXCLUSIVE; PRAGMA cell_size_check = ON")
        return connection
    }

    /// Fails if the schema is of a later version, of another program, or damaged.
    private func refuseUnknown(_ version: Int, on connection: SQLiteConnection) throws(SpoolOpenError) {
        guard version >= 0 else { throw .damaged("its schema has the version \(version)") }
        // `user_version` has no checksum, its copy in `meta` does. A later relay writes both.
        let copy = try? meta(Meta.schema, on: connection)
        if let copy, copy <= schema.version, version == 0 || version > schema.version {
            throw .damaged("its schema has the version \(version), and \(copy) in its own numbers")
        }
        guard version <= schema.version else {
            throw .refused(.newerSchema(path: folder.database, found: version, known: schema.version))
        }
        let tables = try check { () throws(SQLiteError) in
            try connection.integer("SELECT count(*) FROM sqlite_master")
        }
        if version == 0, tables != 0 {
            throw .refused(.foreign(path: folder.database))
        }
    }

    /// Sets the pragmas of a connection. `maintain` checkpoints the log. `secure_delete`, Debian's default, is off: it
    /// overwrites free pages with zeros, which would write large bodies twice.
    func configure(_ connection: SQLiteConnection, pages: Int64) throws(SQLiteError) {
        try connection.execute(
            """
            PRAGMA page_size = \(SpoolSettings.pageSize);
            PRAGMA journal_mode = WAL;
            PRAGMA synchronous = FULL;
            PRAGMA wal_autocheckpoint = 0;
            PRAGMA journal_size_limit = 33554432;
            PRAGMA secure_delete = OFF;
            """)
        connection.checkpointOnlyOnRequest()
        pageLimit = nil
    }

    /// Checks the whole database. Fails if it is damaged.
    private func checkAll(_ connection: SQLiteConnection) throws(SpoolOpenError) {
        let verdict = try check { () throws(SQLiteError) in
            var verdict: String?
            try connection.prepare("PRAGMA quick_check(1)").query { (row) throws(SQLiteError) in
                verdict = row.text(0)
                return false
            }
            return verdict
        }
        guard verdict == "ok" else { throw .damaged(verdict ?? "no verdict") }
    }

    /// Reads the state of the last process, and marks the database as in use.
    private func begin(
        _ connection: SQLiteConnection, wasClosed: Bool, trustingMeta: Bool, isNew: Bool, _ expected: ExpectedContent?,
        _ found: [SpoolReport]
    ) throws(SQLiteError) -> JournalRecovery {
        let statements = try SpoolStatements(connection)
        receivers = try readReceivers(connection)
        try count(connection, trustingMeta: trustingMeta)
        laterStatesCount = Int(try connection.integer("SELECT count(*) FROM later_states") ?? 0)
        historyUsage = try readHistoryUsage(connection)
        let findings = try found + reportsOfMissing(expected, connection)
        let known = isNew ? 1 : try meta(Meta.reservedSequence, on: connection)
        nextSequence = try firstSequence(after: known, of: destinations, on: connection)
        // Below all numbers, so that the first transaction writes it.
        reservedSequence = 0
        var report: SpoolReport?
        var hooks: [HookRow] = []
        try connection.transaction { () throws(SQLiteError) in
            let isIntact = try addMissingChecksums(statements)
            for finding in findings { try finding.write(to: connection) }
            if !isIntact {
                try SpoolReport(text: "some of the spool's own numbers were damaged and are made anew")
                    .write(to: connection)
            }
            let records = try readHooks(statements)
            hooks = records.intact
            if records.damaged > 0 {
                try SpoolReport(
                    text: "\(records.damaged) of the spool's records of hooks were damaged and are left out"
                )
                .write(to: connection)
            }
            try statements.set(Meta.wasClosed, to: 0)
            try statements.set(Meta.session, to: session)
            try statements.set(Meta.schema, to: Int64(schema.version))
            try reserve(statements)
            report = try SpoolReport.read(connection)
        }
        // Moves the mark into the database, because the log can be lost.
        try connection.checkpoint(truncating: true)
        firstSequence = nextSequence
        noteCheckpoint()
        writeWitness(.idle, connection)
        witness?.sync()
        self.statements = statements
        try measureUsage(statements)
        databaseFile = SpoolFile(folder.database)
        logFile = SpoolFile(folder.log)
        let existing = SpoolFile(folder.ballast)?.size ?? 0
        let size = settings.ballast(freeBytes: (folder.freeBytes ?? 0) + existing)
        ballast = SpoolBallast(path: folder.ballast, size: size)
        let seen = try seen(connection)
        return JournalRecovery(
            nextSequence: nextSequence, seen: seen, lastSeenID: seen.last?.id ?? 0, hooks: hooks,
            wasClosed: wasClosed, degraded: report?.text, missing: Int(report?.missing ?? 0))
    }

    /// Persists an upper bound of the assigned sequence numbers, so that none is assigned again after a restart.
    func reserve(_ statements: SpoolStatements) throws(SQLiteError) {
        guard nextSequence >= reservedSequence else { return }
        let end = nextSequence + Self.sequenceBlock
        try statements.set(Meta.reservedSequence, to: end)
        reservedSequence = end
    }

    /// Converts errors of `body` to `.refused`.
    private func refuse(_ body: () throws(JournalOpenError) -> Void) throws(SpoolOpenError) {
        do throws(JournalOpenError) {
            try body()
        } catch {
            throw .refused(error)
        }
    }

    /// Converts errors of `body` to `SpoolOpenError`.
    @discardableResult
    private func check<Value>(_ body: () throws(SQLiteError) -> Value) throws(SpoolOpenError) -> Value {
        do throws(SQLiteError) {
            return try body()
        } catch {
            throw SpoolOpenError(error)
        }
    }

    func openError(_ error: SpoolOpenError) -> JournalOpenError {
        switch error {
        case .refused(let error): error
        case .damaged(let reason): .unusable(path: folder.database, reason: reason)
        case .failed(let error) where error.code.primary == .busy: .locked(folder: folder.path, process: nil)
        case .failed(let error): .unusable(path: folder.database, reason: error.description)
        }
    }
}
