import Alerts
import Glibc
package import Journaling
import Support

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

/// How a repaired copy takes the place of a damaged database, so that a kill or a power cut at any point loses neither:
///
/// 1. `spool.damaged` names what the damaged files will be called. They stay in their places.
/// 2. The copy grows as `spool.db.new`; a start that finds one begins it anew.
/// 3. Once it is complete and synced it becomes `spool.db.ready`: from here on the copy is the spool.
/// 4. The damaged files get their new names, the mark goes, and the copy becomes `spool.db`. A start that finds
///    `spool.db.ready` does what is left of this.
extension SpoolFolder {
    package var copy: String { database + ".new" }
    private var readyCopy: String { database + ".ready" }
    private var mark: String { path + "/spool.damaged" }

    var isMarkedDamaged: Bool {
        SpoolFile.exists(mark)
    }

    fileprivate var hasReadyCopy: Bool {
        SpoolFile.exists(readyCopy)
    }

    /// Lets the next start know that the database was found damaged in use, since its own check may not see it and
    /// the process would fail in the same place for ever.
    func markDamaged() {
        let descriptor = open(mark, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        if descriptor >= 0 {
            fsync(descriptor)
            Glibc.close(descriptor)
            try? sync(path)
        }
    }

    /// Step 1, and the name that the damaged database will have.
    fileprivate func beginRepair(at now: Timestamp) throws(JournalOpenError) -> String {
        for suffix in ["", "-wal", "-journal"] { unlink(copy + suffix) }
        removeImage()
        // Nothing is moved before the copy is complete: where the name is taken, it is by an earlier repair.
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

    /// The damaged database under a second name, beside a log that SQLite can read to its end.
    var image: String { path + "/spool.image" }

    /// Makes the image; says whether that was possible. The damaged files themselves stay as they are.
    fileprivate func makeImage(_ log: SpoolLog) -> Bool {
        removeImage()
        guard log.rebuild(at: image + "-wal") else { return false }
        if SpoolFile(database)?.size ?? 0 > 0 {
            return link(database, image) == 0 || copyDatabase(to: image)
        }
        // Pages that are not in the log read as zeros. Without a size SQLite would delete the log.
        let descriptor = open(image, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return false }
        defer { Glibc.close(descriptor) }
        return ftruncate(descriptor, off_t(SpoolSettings.pageSize)) == 0
    }

    fileprivate func removeImage() {
        for suffix in ["", "-wal", "-journal"] { unlink(image + suffix) }
    }

    /// For file systems without hard links.
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

    /// Step 3; the copy is closed and has no log.
    fileprivate func commitRepair() throws(JournalOpenError) {
        unlink(copy + "-wal")
        try sync(copy)
        try move(copy, to: readyCopy)
        try sync(path)
    }

    /// Step 4; does nothing where there is no complete copy.
    func finishRepair(at now: Timestamp) throws(JournalOpenError) {
        guard hasReadyCopy else { return }
        let target = path + "/" + (markedName ?? freeName(at: now))
        // Neither a log nor a rollback journal of the old file may stand beside the new one.
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

    /// Writes back what the system holds of a file or of a folder's names.
    package func sync(_ path: String) throws(JournalOpenError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure(path) }
        defer { Glibc.close(descriptor) }
        guard fsync(descriptor) == 0 else { throw failure(path) }
    }

    /// The name in the mark; a mark made in use has none.
    private var markedName: String? {
        let descriptor = open(mark, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { Glibc.close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 128)
        let count = read(descriptor, &bytes, bytes.count)
        guard count > 0, bytes[count - 1] == 10 else { return nil }
        let name = String(decoding: bytes.prefix(count - 1), as: UTF8.self)
        // It comes from a disk that has damaged a file already.
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

/// What was found damaged or missing since the last orderly end.
struct SpoolReport: Equatable {
    /// Acknowledged notifications that nothing of is left.
    var missing: Int64 = 0
    var text: String

    /// Each line of the table, oldest first, as one report; nil where there is none.
    static func read(_ connection: SQLiteConnection) throws(SQLiteError) -> SpoolReport? {
        var texts: [String] = []
        var missing: Int64 = 0
        try connection.prepare("SELECT text, missing FROM report ORDER BY id").query { (row) throws(SQLiteError) in
            texts.append(row.text(0) ?? "")
            // Damage in the report itself is no reason to stop.
            missing += max(0, min(row.integer(1), 1 << 40))
            return texts.count < 100
        }
        return texts.isEmpty ? nil : SpoolReport(missing: missing, text: texts.joined(separator: "; "))
    }

    func write(to connection: SQLiteConnection) throws(SQLiteError) {
        try connection.prepare("INSERT INTO report (missing, text) VALUES (?, ?)").bind(missing, text).run()
    }

    static func missing(_ count: Int64) -> String {
        count == 1 ? "1 acknowledged notification is missing" : "\(count) acknowledged notifications are missing"
    }

    static func clear(_ connection: SQLiteConnection) throws(SQLiteError) {
        try connection.execute("DELETE FROM report")
    }
}
