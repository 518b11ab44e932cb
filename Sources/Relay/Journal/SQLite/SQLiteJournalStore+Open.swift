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
    func open(at now: Timestamp) throws(JournalOpenError) -> JournalRecovery {
        try folder.create()
        lock = try SpoolLock(folder: folder.path)
        do throws(SpoolOpenError) {
            return try recover()
        } catch {
            // Ends the connection in any case; the lock is kept while a fresh database takes the old one's place.
            statements = nil
            switch error {
            case .damaged(let reason):
                return try startAfresh(because: reason, at: now)
            case .failed(let failure) where failure.code.primary == .full && SpoolFile.exists(folder.ballast):
                // Starting writes a little: on a full disk that is what the last process's ballast is for.
                SpoolBallast(path: folder.ballast, size: 0).release()
                abandon()
                return try open(at: now)
            case .failed, .refused:
                abandon()
                throw openError(error)
            }
        }
    }

    /// Sets the database aside and saves into a fresh one what can still be read and has a fitting checksum.
    private func startAfresh(because reason: String, at now: Timestamp) throws(JournalOpenError) -> JournalRecovery {
        let aside = try folder.setDatabaseAside(at: now)
        folder.forgetDamage()
        do throws(SpoolOpenError) {
            var recovery = try recover()
            let salvage = salvage(from: aside)
            let name = aside.split(separator: "/").last ?? ""
            recovery.wasClosed = false
            recovery.nextSequence = nextSequence
            recovery.degraded = "the spool was damaged (\(reason)) and set aside as \(name); \(salvage)"
            return recovery
        } catch {
            abandon()
            throw openError(error)
        }
    }

    /// Opens the database that is there, or a new one.
    private func recover() throws(SpoolOpenError) -> JournalRecovery {
        let found = SpoolFile(folder.database)
        let hasLog = SpoolFile.exists(folder.log)
        if folder.isMarkedDamaged {
            throw .damaged("it was found damaged while in use")
        }
        // SQLite would take an empty file for a new database, and delete the log beside it.
        if let found, found.size == 0 {
            throw .damaged("the database is empty")
        }
        let connection = try check { () throws(SQLiteError) in try connect() }
        let version = try check { () throws(SQLiteError) in Int(try connection.integer("PRAGMA user_version") ?? 0) }
        try refuseUnknown(version, on: connection)
        try check { () throws(SQLiteError) in
            try configure(connection)
            try schema.migrate(connection, from: version)
        }
        let wasClosed = try check { () throws(SQLiteError) in
            guard found != nil else { return true }
            return try meta(Meta.wasClosed, on: connection) == 1
        }
        if !wasClosed, let found, found.size < settings.checkedBytes {
            try checkAll(connection)
        }
        var recovery = try check { () throws(SQLiteError) in try begin(connection, wasClosed: wasClosed) }
        if !wasClosed, !hasLog {
            recovery.degraded = "the spool's log is missing: what it held is lost"
        }
        return recovery
    }

    /// Takes the exclusive lock with the first read. Nothing is written yet.
    private func connect() throws(SQLiteError) -> SQLiteConnection {
        let connection = try SQLiteConnection(path: folder.database)
        folder.makePrivate()
        // Before the first read, so that no shared-memory file is made and no second process can read beside us.
        try connection.execute("PRAGMA locking_mode = EXCLUSIVE; PRAGMA cell_size_check = ON")
        return connection
    }

    private func refuseUnknown(_ version: Int, on connection: SQLiteConnection) throws(SpoolOpenError) {
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
    private func configure(_ connection: SQLiteConnection) throws(SQLiteError) {
        try connection.execute(
            """
            PRAGMA page_size = \(SpoolSettings.pageSize);
            PRAGMA journal_mode = WAL;
            PRAGMA synchronous = FULL;
            PRAGMA wal_autocheckpoint = 0;
            PRAGMA journal_size_limit = 33554432;
            PRAGMA secure_delete = OFF;
            PRAGMA max_page_count = \(settings.pages);
            """)
        connection.checkpointOnlyOnRequest()
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
    private func begin(_ connection: SQLiteConnection, wasClosed: Bool) throws(SQLiteError) -> JournalRecovery {
        let statements = try SpoolStatements(connection)
        receivers = try readReceivers(connection)
        try count(connection, trustingMeta: wasClosed)
        nextSequence = max(1, try meta(Meta.reservedSequence, on: connection) ?? 0)
        for destination in destinations {
            let last = try connection.integer("SELECT max(id) FROM \(SQLiteSchema.table(destination))") ?? 0
            nextSequence = max(nextSequence, JournalID(rawValue: last).sequence + 1)
        }
        try connection.transaction { () throws(SQLiteError) in
            try statements.set(Meta.wasClosed, to: 0)
            try reserve(statements)
        }
        // Into the database, for the log may be lost.
        try connection.checkpoint(truncating: true)
        self.statements = statements
        try measure(statements)
        databaseFile = SpoolFile(folder.database)
        logFile = SpoolFile(folder.log)
        let held = SpoolFile(folder.ballast)?.size ?? 0
        let size = settings.ballast(freeBytes: (folder.freeBytes ?? 0) + held)
        ballast = SpoolBallast(path: folder.ballast, size: size)
        return JournalRecovery(
            nextSequence: nextSequence, seen: try seen(connection),
            lastSeenID: try connection.integer("SELECT max(id) FROM seen") ?? 0, wasClosed: wasClosed)
    }

    /// Makes sure that the sequence numbers up to the next one are known as given after a restart.
    func reserve(_ statements: SpoolStatements) throws(SQLiteError) {
        guard nextSequence >= reservedSequence else { return }
        let end = nextSequence + Self.sequenceBlock
        try statements.set(Meta.reservedSequence, to: end)
        reservedSequence = end
    }

    /// Counting reads every page, so the last process's own count is taken where it ended orderly.
    func count(_ connection: SQLiteConnection, trustingMeta: Bool) throws(SQLiteError) {
        for destination in destinations {
            var pending = trustingMeta ? try meta(Meta.pending(destination), on: connection) : nil
            if pending == nil {
                pending = try connection.integer("SELECT count(*) FROM \(SQLiteSchema.table(destination))")
            }
            pendingCounts[destination] = Int(pending ?? 0)
            deadLetterCounts[destination] = Int(
                trustingMeta ? try meta(Meta.dead(destination), on: connection) ?? 0 : 0)
        }
        if !trustingMeta { try countDeadLetters(connection) }
    }

    private func countDeadLetters(_ connection: SQLiteConnection) throws(SQLiteError) {
        try connection.prepare("SELECT id, severity FROM dead_letter").query { (row) throws(SQLiteError) in
            let receiver = JournalID(rawValue: row.integer(0)).destination.receiver
            let severity = Severity(spoolNumber: row.integer(1))
            deadLetterCounts[Destination(receiver: receiver, severity: severity), default: 0] += 1
            return true
        }
    }

    /// As many as an index holds at most, oldest first.
    private func seen(_ connection: SQLiteConnection) throws(SQLiteError) -> [SeenKey] {
        var keys: [SeenKey] = []
        let statement = try connection.prepare("SELECT id, at, key FROM seen ORDER BY id DESC LIMIT 262144")
        try statement.query { (row) throws(SQLiteError) in
            keys.append(
                SeenKey(
                    id: row.integer(0), key: ShortDedupeKey(bytes: row.blob(2)),
                    at: Timestamp(spoolNanoseconds: row.integer(1))))
            return true
        }
        return keys.reversed()
    }

    func meta(_ key: String, on connection: SQLiteConnection) throws(SQLiteError) -> Int64? {
        try connection.prepare("SELECT value FROM meta WHERE key = ?").bind(key).integer()
    }

    @discardableResult
    private func check<Value>(_ body: () throws(SQLiteError) -> Value) throws(SpoolOpenError) -> Value {
        do throws(SQLiteError) {
            return try body()
        } catch {
            throw SpoolOpenError(error)
        }
    }

    private func openError(_ error: SpoolOpenError) -> JournalOpenError {
        switch error {
        case .refused(let error): error
        case .damaged(let reason): .unusable(path: folder.database, reason: reason)
        case .failed(let error) where error.code.primary == .busy: .locked(folder: folder.path, process: nil)
        case .failed(let error): .unusable(path: folder.database, reason: error.description)
        }
    }
}
