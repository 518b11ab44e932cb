import Alerts
import Glibc
import Journaling
import Support

/// The names in the storage folder, and what the file system says about them.
package struct SpoolFolder {
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

/// Where the embedded spool lies and how much it may take.
package struct SpoolSettings: Sendable {
    /// The storage folder; made where there is none.
    package var folder: String
    /// Root may work in anybody's folder: for commands that a person gives, not for the server.
    package var letsRootIn = false
    /// The database's size at most; its log adds up to 32 MiB, the ballast its own size.
    package var limitBytes: Int64 = 1 << 30
    /// Before it is capped to an eighth of the limit and of the space that is free at the start; 0 for none.
    var ballastBytes: Int64 = 32 << 20
    /// Above this size a database is not checked as a whole after an unclean end, so that starting does not take
    /// minutes.
    var checkedBytes: Int64 = 1 << 30

    /// The same after an orderly end. Damage then is the disk's, and rare; the check takes a tenth of a second.
    var checkedWhenClosedBytes: Int64 = 64 << 20

    package init(
        folder: String, letsRootIn: Bool = false, limitBytes: Int64 = 1 << 30, ballastBytes: Int64 = 32 << 20,
        checkedBytes: Int64 = 1 << 30, checkedWhenClosedBytes: Int64 = 64 << 20
    ) {
        self.folder = folder
        self.letsRootIn = letsRootIn
        self.limitBytes = limitBytes
        self.ballastBytes = ballastBytes
        self.checkedBytes = checkedBytes
        self.checkedWhenClosedBytes = checkedWhenClosedBytes
    }

    static let pageSize: Int64 = 8192
    /// The log is checkpointed at 16 MB: it costs 3-9 ms then, and a larger one only more (decision 2).
    static let framesPerCheckpoint = 2000

    package var pages: Int64 { limitBytes / Self.pageSize }

    /// The most that SQLite 3.40 takes for max_page_count: 8 TiB.
    static let unlimitedPages: Int64 = 1_073_741_823

    /// Appends stop here: the rest is for settlements, since moving a dead letter may need pages for a moment.
    package var appendLimitBytes: Int64 { limitBytes - max(limitBytes / 64, 32 * Self.pageSize) }

    func ballast(freeBytes: Int64) -> Int64 {
        max(0, min(ballastBytes, limitBytes / 8, freeBytes / 8))
    }
}

/// The hold of one process on a spool's folder; ends with the process or with this object, whichever is first.
package final class SpoolLock {
    private let descriptor: Int32

    /// Takes the lock and writes this process's id into its file.
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
        // The id is for people only, so a full disk may leave it out.
        let identity = [UInt8]("\(getpid())\n".utf8)
        _ = ftruncate(descriptor, 0)
        _ = pwrite(descriptor, identity, identity.count, 0)
    }

    deinit {
        // Closing alone keeps the lock while a child that another thread has forked has not reached its exec.
        flock(descriptor, LOCK_UN)
        // The file stays: unlinking it would let two processes lock two files of one name.
        Glibc.close(descriptor)
    }

    private static func holder(_ descriptor: Int32) -> Int32? {
        var bytes = [UInt8](repeating: 0, count: 16)
        let count = pread(descriptor, &bytes, bytes.count, 0)
        guard count > 0 else { return nil }
        return Int32(String(decoding: bytes.prefix(count).prefix { $0 != 10 }, as: UTF8.self))
    }
}

/// A file that does nothing but occupy space, to be given up when the disk is full: SQLite then can neither delete
/// nor checkpoint until something is freed.
struct SpoolBallast {
    let path: String
    /// In bytes; 0 for no ballast at all.
    let size: Int64

    var isHeld: Bool {
        var status = stat()
        // Blocks count 512 bytes (stat(2)); a file of holes holds no space.
        return lstat(path, &status) == 0 && status.st_size == size && Int64(status.st_blocks) * 512 >= size
    }

    /// Takes the space; returns false when there is not enough of it. A file system that cannot reserve space, or a
    /// limit on the size of files, leaves the spool without a ballast.
    func hold() -> Bool {
        guard size > 0, !isHeld else { return true }
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

    func release() {
        unlink(path)
    }
}
