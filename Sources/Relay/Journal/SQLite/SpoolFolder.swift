import Glibc

/// The names in the storage folder, and what the file system says about them.
struct SpoolFolder {
    let path: String

    var database: String { path + "/spool.db" }
    /// A file's path without the symbolic links that may lead to the folder, as systemd's StateDirectory is one.
    func withoutLinks(_ file: String) -> String {
        guard file.hasPrefix(path + "/"), let real = realpath(path, nil) else { return file }
        defer { free(real) }
        return String(cString: real) + file.dropFirst(path.count)
    }
    var log: String { database + "-wal" }
    var witness: String { path + "/spool.witness" }
    var ballast: String { path + "/spool.ballast" }
    /// What SQLite writes before a database is in WAL mode.
    var rollbackJournal: String { database + "-journal" }

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
        // Some file systems of networks state more than can be counted.
        let (bytes, isTooLarge) = Int64(clamping: status.f_bavail)
            .multipliedReportingOverflow(by: Int64(clamping: status.f_frsize))
        return isTooLarge ? .max : bytes
    }

    /// For a folder that others may enter; the log takes over the mode of the database when SQLite makes it.
    func makePrivate(_ path: String) {
        chmod(path, 0o600)
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
