import Alerts
import Glibc
import Journaling

/// Replaces a damaged database with a repaired copy.
extension SQLiteJournalStore {
    /// Repairs the database. If it fails, the damaged files are unchanged and the next start tries again.
    func repair(because reason: String, at now: Timestamp) throws(JournalOpenError) {
        try openWitness(makingNew: false)
        let name = try folder.beginRepair(at: now)
        do throws(SQLiteError) {
            try makeCopy(called: name, because: reason, at: now)
        } catch {
            guard error.code.primary == .full, releaseExistingBallast() else {
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
        // The copy must have space for all rows of the damaged database, also if its pages are filled less.
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
            let next = try firstSequence(after: reserved, of: destinations, on: connection)
            try statements.set(Meta.reservedSequence, to: max(next, witnessed?.nextSequence ?? 0))
            // Above the witness's session, so that the next start does not compare the copy with the witness.
            try statements.set(Meta.session, to: (witnessed?.session ?? 0) + 1)
            try report(reason, name, salvage.outcome, missing(after: salvage.outcome, witnessed, log))
                .write(to: connection)
        }
        try connection.checkpoint(truncating: true)
    }

    /// Reads the damaged files, or an image with a rebuilt log if the log is damaged.
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

/// The steps of a repair. A kill or power failure at any point loses neither the damaged files nor the copy:
///
/// 1. `spool.damaged` is written. It contains the future name of the damaged database, which is not moved yet.
/// 2. The copy is written to `spool.db.new`. A start that finds this file begins the copy again.
/// 3. The complete and synced copy is renamed to `spool.db.ready`. From now on it is the spool.
/// 4. The damaged files are renamed, `spool.damaged` is deleted, and the copy is renamed to `spool.db`. A start that
///    finds `spool.db.ready` completes this step.
extension SpoolFolder {
    /// The copy while it is written (step 2).
    var copy: String { database + ".new" }
    private var readyCopy: String { database + ".ready" }
    private var mark: String { path + "/spool.damaged" }

    var isMarkedDamaged: Bool {
        SpoolFile.exists(mark)
    }

    fileprivate var hasReadyCopy: Bool {
        SpoolFile.exists(readyCopy)
    }

    /// Makes the next start repair the database. Its check may not detect damage that was found in use, and then the
    /// process would fail at the same place again.
    func markDamaged() {
        let descriptor = open(mark, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        if descriptor >= 0 {
            fsync(descriptor)
            Glibc.close(descriptor)
            try? sync(path)
        }
    }

    /// Step 1. Returns the future name of the damaged database.
    fileprivate func beginRepair(at now: Timestamp) throws(JournalOpenError) -> String {
        for suffix in ["", "-wal", "-journal"] { unlink(copy + suffix) }
        removeImage()
        // Files are renamed only in step 4, so if the name exists, it is from an earlier repair.
        if let name = markedName, !isTaken(name) { return name }
        let name = freeName(at: now)
        let bytes = [UInt8]((name + "\n").utf8)
        let descriptor = open(mark, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure(mark) }
        defer { Glibc.close(descriptor) }
        guard write(descriptor, bytes, bytes.count) == bytes.count, fsync(descriptor) == 0 else { throw failure(mark) }
        try sync(path)
        return name
    }

    /// A hard link or copy of the damaged database, with a rebuilt log that SQLite can read completely.
    fileprivate var image: String { path + "/spool.image" }

    /// Creates the image. Returns false if that fails. The damaged files are not changed.
    fileprivate func makeImage(_ log: SpoolLog) -> Bool {
        removeImage()
        guard log.rebuild(at: image + "-wal") else { return false }
        if SpoolFile(database)?.size ?? 0 > 0 {
            return link(database, image) == 0 || copyDatabase(to: image)
        }
        // SQLite deletes the log of an empty file. Pages that are not in the log are read as zeros.
        let descriptor = open(image, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return false }
        defer { Glibc.close(descriptor) }
        return ftruncate(descriptor, off_t(SpoolSettings.pageSize)) == 0
    }

    fileprivate func removeImage() {
        for suffix in ["", "-wal", "-journal"] { unlink(image + suffix) }
    }

    /// Copies the database if the file system has no hard links. Returns false on errors.
    private func copyDatabase(to target: String) -> Bool {
        let source = open(database, O_RDONLY | O_CLOEXEC)
        let output = open(target, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        defer { for descriptor in [source, output] where descriptor >= 0 { Glibc.close(descriptor) } }
        guard source >= 0, output >= 0 else { return false }
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        while true {
            let count = read(source, &bytes, bytes.count)
            guard count > 0 else { return count == 0 }
            guard write(output, bytes, count) == count else { return false }
        }
    }

    /// Step 3. The copy must be closed and checkpointed.
    fileprivate func commitRepair() throws(JournalOpenError) {
        unlink(copy + "-wal")
        try sync(copy)
        try move(copy, to: readyCopy)
        try sync(path)
    }

    /// Step 4. Does nothing if there is no complete copy.
    func finishRepair(at now: Timestamp) throws(JournalOpenError) {
        guard hasReadyCopy else { return }
        let target = path + "/" + (markedName ?? freeName(at: now))
        // SQLite must not find the log or rollback journal of the old database with the new one.
        for (file, name) in [(log, target + "-wal"), (rollbackJournal, target + "-journal"), (database, target)]
        where SpoolFile.exists(file) {
            try move(file, to: name)
        }
        try sync(path)
        unlink(mark)
        try sync(path)
        try move(readyCopy, to: database)
        try sync(path)
    }

    /// Syncs a file or a folder (fsync(2)).
    func sync(_ path: String) throws(JournalOpenError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure(path) }
        defer { Glibc.close(descriptor) }
        guard fsync(descriptor) == 0 else { throw failure(path) }
    }

    /// The name in `spool.damaged`; nil if it contains none, because the damage was found in use.
    private var markedName: String? {
        let descriptor = open(mark, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { Glibc.close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 128)
        let count = read(descriptor, &bytes, bytes.count)
        guard count > 0, bytes[count - 1] == 10 else { return nil }
        let name = String(decoding: bytes.prefix(count - 1), as: UTF8.self)
        // The disk has damaged a file already, so the name may be damaged too.
        return name.hasPrefix("spool.db.corrupt-") && !name.contains("/") ? name : nil
    }

    private func freeName(at now: Timestamp) -> String {
        let base = "spool.db.corrupt-\(now.seconds)"
        var name = base
        var attempt = 1
        while isTaken(name) {
            attempt += 1
            name = "\(base)-\(attempt)"
        }
        return name
    }

    private func isTaken(_ name: String) -> Bool {
        ["", "-wal", "-journal"].contains { SpoolFile.exists(path + "/" + name + $0) }
    }

    private func move(_ from: String, to target: String) throws(JournalOpenError) {
        guard rename(from, target) == 0 else { throw failure(from) }
    }

    private func failure(_ path: String) -> JournalOpenError {
        .unusable(path: path, reason: String(cString: strerror(errno)))
    }
}

/// A report of damaged or missing data since the last clean shutdown.
struct SpoolReport: Equatable {
    /// The number of acknowledged notifications that are missing.
    var missing: Int64 = 0
    var text: String

    /// Reads the rows of the table `report`, oldest first, as one report; nil if there is none.
    static func read(_ connection: SQLiteConnection) throws(SQLiteError) -> SpoolReport? {
        var texts: [String] = []
        var missing: Int64 = 0
        try connection.prepare("SELECT text, missing FROM report ORDER BY id").query { (row) throws(SQLiteError) in
            texts.append(row.text(0) ?? "")
            // A damaged report must not prevent the start.
            missing += max(0, min(row.integer(1), 1 << 40))
            return texts.count < 100
        }
        return texts.isEmpty ? nil : SpoolReport(missing: missing, text: texts.joined(separator: "; "))
    }

    func write(to connection: SQLiteConnection) throws(SQLiteError) {
        try connection.prepare("INSERT INTO report (missing, text) VALUES (?, ?)").bind(missing, text).run()
    }

    /// The text for `count` missing notifications.
    static func missing(_ count: Int64) -> String {
        count == 1 ? "1 acknowledged notification is missing" : "\(count) acknowledged notifications are missing"
    }

    static func clear(_ connection: SQLiteConnection) throws(SQLiteError) {
        try connection.execute("DELETE FROM report")
    }
}
