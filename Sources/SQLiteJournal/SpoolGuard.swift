import Alerts
import Glibc
import Journaling
import Support

/// Checks that nobody but the relay's user and root can put files in the place of the spool's.
///
/// The rule, made so that what systemd, Docker and Kubernetes prepare passes:
/// - The folder belongs to the relay's user or to root.
/// - Others may not write in it; its group may where root owns it, or where it is the group of the relay's process.
/// - The root of a mounted volume passes with any owner and mode: an administrator mounted it, `emptyDir` is open to all
///   its pod (mode 0777), and so is a `tmpfs`.
/// - The spool's files are regular files without a name outside the folder, and belong to the relay's user, to root or to the folder's owner.
///
/// All of them are opened without following symbolic links. Folders above the spool's are not checked.
struct SpoolGuard {
    let folder: String
    let letsRootIn: Bool
    private let user = geteuid()

    init(folder: String, letsRootIn: Bool) {
        self.folder = folder
        self.letsRootIn = letsRootIn
    }

    /// What the relay opens or renames in the folder.
    private static let files =
        ["spool.db", "spool.db.new", "spool.db.ready"].flatMap { [$0, $0 + "-wal", $0 + "-journal"] } + [
            "spool.lock", "spool.ballast", "spool.damaged", "spool.witness",
        ]

    func check() throws(JournalOpenError) {
        var status = stat()
        guard stat(folder, &status) == 0 else { throw Self.openError(folder, errno) }
        try checkFolder(status)
        for name in Self.files {
            try checkFile(folder + "/" + name, ownerOfFolder: status.st_uid)
        }
    }

    private func checkFolder(_ status: stat) throws(JournalOpenError) {
        if isMountPoint(status) { return }
        guard status.st_uid == user || status.st_uid == 0 || (letsRootIn && user == 0) else {
            throw .insecure(
                path: folder, reason: "it belongs to user \(status.st_uid), and the relay runs as user \(user)")
        }
        if status.st_mode & S_IWOTH != 0 {
            throw .insecure(path: folder, reason: "every user can write in it; chmod 700 makes it the relay's own")
        }
        // A folder of root's must be the group's for the relay to write in it at all, as with fsGroup.
        if status.st_mode & S_IWGRP != 0, status.st_uid != 0, status.st_gid != getegid() {
            throw .insecure(
                path: folder, reason: "group \(status.st_gid) can write in it; chmod 700 makes it the relay's own")
        }
    }

    private func checkFile(_ path: String, ownerOfFolder: uid_t) throws(JournalOpenError) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        if status.st_mode & S_IFMT == S_IFLNK {
            throw .insecure(path: path, reason: "it is a symbolic link, and the spool follows none")
        }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .insecure(path: path, reason: "it is no regular file") }
        // A repair that was cut short leaves two names in the folder itself.
        guard status.st_nlink == 1 || namesInFolder(of: status) == status.st_nlink else {
            throw .insecure(path: path, reason: "it has \(status.st_nlink) names, of which one may be somebody else's")
        }
        guard [user, 0, ownerOfFolder].contains(status.st_uid) else {
            throw .insecure(
                path: path, reason: "it belongs to user \(status.st_uid), and the relay runs as user \(user)")
        }
    }

    private func namesInFolder(of file: stat) -> UInt {
        guard let entries = opendir(folder) else { return 0 }
        defer { closedir(entries) }
        var count: UInt = 0
        while let entry = readdir(entries) {
            if entry.pointee.d_ino == file.st_ino { count += 1 }
        }
        return count
    }

    /// Whether something is mounted there: another file system than above, or the root of a bind mount, which the
    /// kernel's table of mounts names.
    private func isMountPoint(_ status: stat) -> Bool {
        var above = stat()
        guard stat(folder + "/..", &above) == 0 else { return false }
        if above.st_dev != status.st_dev { return true }
        guard let real = realpath(folder, nil) else { return false }
        defer { free(real) }
        let path = Self.escaped(String(cString: real))
        guard let table = fopen("/proc/self/mountinfo", "re") else { return false }
        defer { fclose(table) }
        var line: UnsafeMutablePointer<CChar>?
        var size = 0
        defer { free(line) }
        while getline(&line, &size, table) > 0, let text = line.map({ String(cString: $0) }) {
            let fields = text.split(separator: " ")
            if fields.count > 4, fields[4] == path { return true }
        }
        return false
    }

    /// As proc(5) writes a mount point.
    private static func escaped(_ path: String) -> String {
        var text = ""
        for scalar in path.unicodeScalars {
            switch scalar {
            case " ": text += "\\040"
            case "\t": text += "\\011"
            case "\n": text += "\\012"
            case "\\": text += "\\134"
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text
    }

    /// Why a file of the spool could not be opened.
    static func openError(_ path: String, _ code: Int32) -> JournalOpenError {
        // open(2): what O_NOFOLLOW says of a symbolic link.
        code == ELOOP
            ? .insecure(path: path, reason: "it is a symbolic link, and the spool follows none")
            : .unusable(path: path, reason: String(cString: strerror(code)))
    }
}
