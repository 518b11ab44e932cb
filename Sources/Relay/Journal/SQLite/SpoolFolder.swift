import Glibc

/// The names in the storage folder, and what the file system says about them.
struct SpoolFolder {
    let path: String

    var database: String { path + "/spool.db" }
    var log: String { database + "-wal" }
    var ballast: String { path + "/spool.ballast" }
    private var damageMark: String { path + "/spool.damaged" }

    /// Makes the folder, and those above it, for the owner only: bodies of alerts are nobody else's business.
    func create() throws(JournalOpenError) {
        var current = path.hasPrefix("/") ? "" : "."
        for part in path.split(separator: "/") {
            current += "/" + part
            guard mkdir(current, 0o700) == 0 || errno == EEXIST || isFolder(current) else {
                throw .unusable(path: current, reason: String(cString: strerror(errno)))
            }
        }
    }

    /// Bytes that this process may still write; nil when the file system does not answer.
    var freeBytes: Int64? {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { return nil }
        return Int64(status.f_bavail) * Int64(status.f_frsize)
    }

    /// For a folder that others may enter; the log takes over the mode of the database when SQLite makes it.
    func makePrivate() {
        chmod(database, 0o600)
    }

    var isMarkedDamaged: Bool {
        SpoolFile.exists(damageMark)
    }

    /// Lets the next start know that the database was found damaged in use, since its own check may not see it and
    /// the process would fail in the same place for ever.
    func markDamaged() {
        let descriptor = open(damageMark, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        if descriptor >= 0 {
            Glibc.close(descriptor)
        }
    }

    func forgetDamage() {
        unlink(damageMark)
    }

    /// Puts database and log aside under a name that is free, for a person to look at, and returns that name.
    func setDatabaseAside(at now: Timestamp) throws(JournalOpenError) -> String {
        let base = database + ".corrupt-\(now.seconds)"
        var target = base
        var attempt = 1
        while SpoolFile.exists(target) {
            attempt += 1
            target = "\(base)-\(attempt)"
        }
        // The log first: a crash between the two leaves a database without a log, which a start can see.
        if SpoolFile.exists(log) {
            try move(log, to: target + "-wal")
        }
        try move(database, to: target)
        return target
    }

    private func move(_ from: String, to target: String) throws(JournalOpenError) {
        guard rename(from, target) == 0 else {
            throw .unusable(path: from, reason: String(cString: strerror(errno)))
        }
    }

    private func isFolder(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }
}

/// A file as the file system knows it, whatever its name.
struct SpoolFile: Equatable {
    let device: UInt
    let inode: UInt
    let size: Int64

    /// Nil where there is no such file.
    init?(_ path: String) {
        var status = stat()
        guard stat(path, &status) == 0, status.st_nlink > 0 else { return nil }
        device = UInt(status.st_dev)
        inode = UInt(status.st_ino)
        size = Int64(status.st_size)
    }

    static func exists(_ path: String) -> Bool {
        SpoolFile(path) != nil
    }

    func isSame(as other: SpoolFile?) -> Bool {
        device == other?.device && inode == other?.inode
    }
}
