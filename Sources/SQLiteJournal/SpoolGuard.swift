import Glibc
import Journaling

/// Checks that only the relay's user and root can replace the files of the spool.
///
/// The rules accept the folders that systemd, Docker and Kubernetes prepare:
/// - The relay's user or root owns the folder.
/// - Others must not have write access. The group may have it if root owns the folder, or if it is the group of the
///   relay's process.
/// - The root of a mounted volume may have any owner and mode, because an administrator mounted it. For example,
///   `emptyDir` and `tmpfs` have mode 0777.
/// - The files are regular files without hard links outside of the folder. The relay's user, root or the owner of the
///   folder owns them.
///
/// The files are opened without following symbolic links. Parent folders are not checked.
struct SpoolGuard {
    let folder: String
    let allowsRoot: Bool
    private let user = geteuid()

    init(folder: String, allowsRoot: Bool) {
        self.folder = folder
        self.allowsRoot = allowsRoot
    }

    /// The files that the relay opens or renames in the folder.
    private static let files =
        ["spool.db", "spool.db.new", "spool.db.ready"].flatMap { [$0, $0 + "-wal", $0 + "-journal"] } + [
            "spool.lock", "spool.ballast", "spool.damaged", "spool.witness",
        ]

    /// Fails if the folder or a file does not follow the rules.
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
        guard status.st_uid == user || status.st_uid == 0 || (allowsRoot && user == 0) else {
            throw .insecure(
                path: folder, reason: "it belongs to user \(status.st_uid), and the relay runs as user \(user)")
        }
        if status.st_mode & S_IWOTH != 0 {
            throw .insecure(path: folder, reason: "every user can write in it; chmod 700 makes it the relay's own")
        }
        // If root owns the folder, the relay needs the group's write access, as with fsGroup in Kubernetes.
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
        // An interrupted repair leaves two hard links in the folder.
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

    /// Whether the folder is a mount point: its file system differs from its parent's, or /proc/self/mountinfo contains
    /// it (a bind mount).
    private func isMountPoint(_ status: stat) -> Bool {
        var parent = stat()
        guard stat(folder + "/..", &parent) == 0 else { return false }
        if parent.st_dev != status.st_dev { return true }
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

    /// Escapes a path as /proc/self/mountinfo does (proc(5)).
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

    /// The error for a file that open(2) failed to open with errno `code`.
    static func openError(_ path: String, _ code: Int32) -> JournalOpenError {
        // open(2) fails with ELOOP for a symbolic link because of O_NOFOLLOW.
        code == ELOOP
            ? .insecure(path: path, reason: "it is a symbolic link, and the spool follows none")
            : .unusable(path: path, reason: String(cString: strerror(code)))
    }
}
