import Glibc
import Journaling

/// The paths of the files in the storage folder, and file system operations on them.
struct SpoolFolder {
    let path: String

    var database: String { path + "/spool.db" }
    var log: String { database + "-wal" }
    var witness: String { path + "/spool.witness" }
    var ballast: String { path + "/spool.ballast" }
    /// SQLite writes it before the database is in WAL mode.
    var rollbackJournal: String { database + "-journal" }

    /// The path of a file with the symbolic links of its folder resolved. systemd's StateDirectory can be such a link.
    func resolvingLinks(_ file: String) -> String {
        guard file.hasPrefix(path + "/"), let real = realpath(path, nil) else { return file }
        defer { free(real) }
        return String(cString: real) + file.dropFirst(path.count)
    }

    /// Creates the folder and its parents with mode 0700, because alerts can be confidential.
    func create() throws(JournalOpenError) {
        var current = path.hasPrefix("/") ? "/" : ""
        for part in path.split(separator: "/") {
            current += (current.isEmpty || current.hasSuffix("/") ? "" : "/") + part
            if mkdir(current, 0o700) == 0 || errno == EEXIST { continue }
            // Kept, because isFolder sets errno too.
            let code = errno
            guard !isFolder(current) else { continue }
            let user = code == EACCES ? " for user \(geteuid())" : ""
            throw .unusable(path: current, reason: "it cannot be created: \(String(cString: strerror(code)))\(user)")
        }
    }

    /// The free space for this process in bytes; nil if statvfs(3) fails.
    var freeBytes: Int64? {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { return nil }
        // Some network file systems report more than 64 bits can represent.
        let (bytes, isTooLarge) = Int64(clamping: status.f_bavail)
            .multipliedReportingOverflow(by: Int64(clamping: status.f_frsize))
        return isTooLarge ? .max : bytes
    }

    /// Sets mode 0600, since others may have access to the folder. SQLite creates the log with the database's mode.
    func makePrivate(_ path: String) {
        chmod(path, 0o600)
    }

    private func isFolder(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }
}

/// The identity and size of a file.
struct SpoolFile: Equatable {
    private let device: UInt
    private let inode: UInt
    let size: Int64

    /// Returns nil if the file does not exist.
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

/// The folder and the limits of the embedded spool.
package struct SpoolSettings: Sendable {
    /// The storage folder. It is created if it does not exist.
    var folder: String
    /// Whether root may use a folder of any owner. True for the commands of an operator, false for the server.
    var allowsRoot = false
    /// The maximum size of the database in bytes. Its log (up to 32 MiB) and the ballast are not included.
    var limitBytes: Int64 = 1 << 30
    /// The maximum size of the ballast in bytes; 0 for no ballast. It is also limited to an eighth of `limitBytes` and
    /// of the free space at the start.
    private var ballastBytes: Int64 = 32 << 20
    /// Databases from this size in bytes on are not checked after an unclean shutdown, because it would take minutes. Nor
    /// are sealed ones from `checkedWhenClosedBytes` on (docs/decisions/0047).
    var checkedBytes: Int64 = 1 << 30

    /// Databases from this size in bytes on are not checked after a clean shutdown. Damage is rare then; the check of a
    /// smaller one takes 0.1 s.
    var checkedWhenClosedBytes: Int64 = 64 << 20

    package init(
        folder: String, allowsRoot: Bool = false, limitBytes: Int64 = 1 << 30, ballastBytes: Int64 = 32 << 20,
        checkedBytes: Int64 = 1 << 30, checkedWhenClosedBytes: Int64 = 64 << 20
    ) {
        self.folder = folder
        self.allowsRoot = allowsRoot
        self.limitBytes = limitBytes
        self.ballastBytes = ballastBytes
        self.checkedBytes = checkedBytes
        self.checkedWhenClosedBytes = checkedWhenClosedBytes
    }

    static let pageSize: Int64 = 8192
    /// The log is checkpointed at 4 MB (docs/decisions/0002). Webhooks wait for a checkpoint, which is longer for a larger
    /// log.
    static let framesPerCheckpoint = 500

    /// `limitBytes` in pages.
    var pages: Int64 { limitBytes / Self.pageSize }

    /// The maximum of max_page_count in SQLite 3.40: 8 TiB.
    static let unlimitedPages: Int64 = 1_073_741_823

    /// The size limit for appends in bytes. The rest is for settlements, because moving a dead letter can need pages
    /// temporarily.
    var appendLimitBytes: Int64 { limitBytes - max(limitBytes / 64, 32 * Self.pageSize) }

    /// The size of the ballast in bytes.
    func ballast(freeBytes: Int64) -> Int64 {
        max(0, min(ballastBytes, limitBytes / 8, freeBytes / 8))
    }
}

/// A lock on the folder of a spool. It is released when this object is released or the process ends.
final class SpoolLock {
    private let descriptor: Int32

    /// Locks the folder and writes the process id to the lock file. Fails if another process has the lock.
    init(folder: String) throws(JournalOpenError) {
        let path = folder + "/spool.lock"
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0o600)
        guard descriptor >= 0 else { throw SpoolGuard.openError(path, errno) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            defer { Glibc.close(descriptor) }
            throw errno == EWOULDBLOCK
                ? .locked(folder: folder, process: Self.holder(descriptor))
                : .unusable(path: path, reason: String(cString: strerror(errno)))
        }
        // The id is informational, so errors such as a full disk are ignored.
        let identity = [UInt8]("\(getpid())\n".utf8)
        _ = ftruncate(descriptor, 0)
        _ = pwrite(descriptor, identity, identity.count, 0)
    }

    deinit {
        // A child that another thread forked has the descriptor until its exec, so closing alone may not unlock.
        flock(descriptor, LOCK_UN)
        // The file is not deleted: two processes could then lock two files of the same name.
        Glibc.close(descriptor)
    }

    private static func holder(_ descriptor: Int32) -> Int32? {
        var bytes = [UInt8](repeating: 0, count: 16)
        let count = pread(descriptor, &bytes, bytes.count, 0)
        guard count > 0 else { return nil }
        return Int32(String(decoding: bytes.prefix(count).prefix { $0 != 10 }, as: UTF8.self))
    }
}

/// A file that reserves disk space. It is deleted when the disk is full, because SQLite needs space to delete rows and
/// to checkpoint.
struct SpoolBallast {
    let path: String
    /// The size in bytes; 0 for no ballast.
    let size: Int64

    /// Whether the file exists and occupies its space.
    var isAllocated: Bool {
        var status = stat()
        // st_blocks counts 512 bytes (stat(2)). A sparse file does not occupy its size.
        return lstat(path, &status) == 0 && status.st_size == size && Int64(status.st_blocks) * 512 >= size
    }

    /// Creates the file. Returns false if there is not enough space. On other errors, such as a file system without
    /// fallocate or a file size limit, the spool has no ballast and the result is true.
    func allocate() -> Bool {
        guard size > 0, !isAllocated else { return true }
        release()
        let descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0o600)
        guard descriptor >= 0 else { return errno != ENOSPC && errno != EDQUOT }
        let code = posix_fallocate(descriptor, 0, off_t(size))
        Glibc.close(descriptor)
        if code != 0 {
            release()
        }
        return code != ENOSPC && code != EDQUOT
    }

    /// Deletes the file.
    func release() {
        unlink(path)
    }
}
