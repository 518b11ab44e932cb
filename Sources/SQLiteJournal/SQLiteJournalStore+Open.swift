package import Alerts
package import Journaling
import Support

/// Why a database could not be opened.
enum SpoolOpenError: Error {
    /// Its content is not what it should be: it is set aside.
    case damaged(String)
    /// It is in order but not for us: it is left as it is.
    case refused(JournalOpenError)
    case failed(SQLiteError)

    init(_ error: SQLiteError) {
        switch error.code {
        // A plain error in statements that are right comes from a schema that is not.
        case .corrupt, .notADatabase, .generic: self = .damaged(error.message)
        default: self = .failed(error)
        }
    }
}

/// Opening and recovery.
extension SQLiteJournalStore {
    package func open(at now: Timestamp) throws(JournalOpenError) -> JournalRecovery {
        try folder.create()
        try SpoolGuard(folder: folder.path, letsRootIn: settings.letsRootIn).check()
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
            // Ends the connection in any case; the lock is kept while a copy takes the damaged database's place.
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
            case .failed(let failure) where failure.code.primary == .full && releaseFoundBallast():
                return try openOrRepair(at: now)
            case .failed, .refused:
                throw openError(error)
            }
        }
    }

    /// Starting writes a little: on a full disk that is what the last process's ballast is for. Says whether there was
    /// one.
    func releaseFoundBallast() -> Bool {
        guard SpoolFile.exists(folder.ballast) else { return false }
        SpoolBallast(path: folder.ballast, size: 0).release()
        return true
    }

    /// Opens the database that is there, or a new one.
    private func recover() throws(SpoolOpenError) -> JournalRecovery {
        if folder.isMarkedDamaged {
            throw .damaged("it was found damaged while in use")
        }
        let found = SpoolFile(folder.database)
        // The witness is there before the database: without it a database that is gone could not be told from none.
        try refuse { () throws(JournalOpenError) in
            try openWitness(makingNew: found == nil && !SpoolFile.exists(folder.log))
        }
        let witnessed = witness?.last
        let log = SpoolLog(path: folder.log, witnessed: witnessed?.loggedFrames)
        let isNew = try isNew(found, witnessed, log)
        // SQLite makes the file with its first look at the database.
        let hasLog = SpoolFile.exists(folder.log)
        if log.isBroken { throw .damaged("the spool's log is damaged") }
        let connection = try check { () throws(SQLiteError) in try connect(to: folder.database) }
        let version = try check { () throws(SQLiteError) in Int(try connection.integer("PRAGMA user_version") ?? 0) }
        try refuseUnknown(version, on: connection)
        let isSealed = version >= SQLiteSchema.sealedVersion
        let known = try check { () throws(SQLiteError) in isSealed ? try meta(Meta.session, on: connection) : 0 }
        let claim = try claim(of: witnessed, on: log, found, session: known)
        var findings: [SpoolReport] = []
        if isSealed, witnessed.map({ $0.isFresh && known ?? 0 > 0 }) ?? true {
            findings.append(
                SpoolReport(
                    text: "spool.witness is missing or damaged, so nothing tells whether notifications are missing"))
        }
        if witness?.isHalfDamaged == true {
            findings.append(
                SpoolReport(
                    text: "half of spool.witness is damaged, so the last commit may be missing without a count"))
        }
        // The log's file stays where a process is killed, however little is in it.
        if known ?? 0 > 0, claim != nil, witnessed?.phase != .closed, !hasLog {
            findings.append(SpoolReport(text: "the spool's log is missing"))
        }
        // From here on the files change.
        try refuse { () throws(JournalOpenError) in try openWitness(makingNew: true) }
        withdrawClaim(.recovering)
        try check { () throws(SQLiteError) in
            try configure(connection, pages: settings.pages)
            try schema.migrate(connection, from: version)
        }
        let wasClosed = try check { () throws(SQLiteError) in
            isNew ? true : try meta(Meta.wasClosed, on: connection) == 1
        }
        // Checking and counting read every page.
        let isSmall = found.map { $0.size < settings.checkedWhenClosedBytes } ?? true
        if let found, isSmall || !wasClosed && found.size < settings.checkedBytes {
            try checkAll(connection)
        }
        session = max(known ?? 0, witnessed?.session ?? 0) + 1
        return try check { () throws(SQLiteError) in
            try begin(
                connection, wasClosed: wasClosed, trustingMeta: wasClosed && !isSmall, isNew: isNew, claim, findings)
        }
    }

    /// Whether there was never anything in this spool. A kill in the first opening of all leaves an empty file.
    private func isNew(_ found: SpoolFile?, _ witness: SpoolWitness?, _ log: SpoolLog) throws(SpoolOpenError) -> Bool {
        guard found?.size ?? 0 == 0 else { return false }
        // SQLite would take an empty file for a new database, and delete the log beside it.
        guard let witness, witness.isFresh, log.frames.isEmpty else {
            throw .damaged(found == nil ? "the database is missing" : "the database is empty")
        }
        return true
    }

    /// Takes the exclusive lock with the first read. Nothing is written yet.
    package func connect(to path: String) throws(SQLiteError) -> SQLiteConnection {
        let connection = try SQLiteConnection(path: folder.withoutLinks(path), followsLinks: false)
        folder.makePrivate(path)
        // Before the first read, so that no shared-memory file is made and no second process can read beside us.
        try connection.execute("PRAGMA locking_mode = EXCLUSIVE; PRAGMA cell_size_check = ON")
        return connection
    }

    private func refuseUnknown(_ version: Int, on connection: SQLiteConnection) throws(SpoolOpenError) {
        guard version >= 0 else { throw .damaged("its schema has the version \(version)") }
        // The number stands in one place of the header, without a checksum; a later relay writes both.
        let sealed = try? meta(Meta.schema, on: connection)
        if let sealed, sealed <= schema.version, version == 0 || version > schema.version {
            throw .damaged("its schema has the version \(version), and \(sealed) in its own numbers")
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

    /// The log is checkpointed by `maintain`. Free pages are not overwritten with zeros as Debian's SQLite does by
    /// default, which would write each large body twice.
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

    /// Reads what an earlier process left, and notes in the database itself that it is in use.
    private func begin(
        _ connection: SQLiteConnection, wasClosed: Bool, trustingMeta: Bool, isNew: Bool, _ claim: Claim?,
        _ found: [SpoolReport]
    ) throws(SQLiteError) -> JournalRecovery {
        let statements = try SpoolStatements(connection)
        receivers = try readReceivers(connection)
        try count(connection, trustingMeta: trustingMeta)
        let findings = try found + shortage(claim, connection)
        let known = isNew ? 1 : try meta(Meta.reservedSequence, on: connection)
        nextSequence = try firstSequence(behind: known, of: destinations, on: connection)
        // Below every number, so that the first transaction writes it.
        reservedSequence = 0
        var report: SpoolReport?
        var hooks: [HookRow] = []
        try connection.transaction { () throws(SQLiteError) in
            let isIntact = try seal(statements)
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
        // Into the database, for the log may be lost.
        try connection.checkpoint(truncating: true)
        firstSequence = nextSequence
        noteCheckpoint()
        testify(.idle, connection)
        witness?.sync()
        self.statements = statements
        try measure(statements)
        databaseFile = SpoolFile(folder.database)
        logFile = SpoolFile(folder.log)
        let held = SpoolFile(folder.ballast)?.size ?? 0
        let size = settings.ballast(freeBytes: (folder.freeBytes ?? 0) + held)
        ballast = SpoolBallast(path: folder.ballast, size: size)
        let seen = try seen(connection)
        return JournalRecovery(
            nextSequence: nextSequence, seen: seen, lastSeenID: seen.last?.id ?? 0, hooks: hooks,
            wasClosed: wasClosed, degraded: report?.text, missing: Int(report?.missing ?? 0))
    }

    /// Makes sure that the sequence numbers up to the next one are known as given after a restart.
    package func reserve(_ statements: SpoolStatements) throws(SQLiteError) {
        guard nextSequence >= reservedSequence else { return }
        let end = nextSequence + Self.sequenceBlock
        try statements.set(Meta.reservedSequence, to: end)
        reservedSequence = end
    }

    private func refuse(_ body: () throws(JournalOpenError) -> Void) throws(SpoolOpenError) {
        do throws(JournalOpenError) {
            try body()
        } catch {
            throw .refused(error)
        }
    }

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
