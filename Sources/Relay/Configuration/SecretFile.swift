import Glibc

/// The content of a file that holds a secret, and what keeps it from being one.
enum SecretFile {
    /// What is wrong; its text never holds any of the content.
    enum Failure: Error, Equatable, CustomStringConvertible {
        case unreadable(errno: Int32)
        case folder
        case empty
        case tooLarge
        case byteOrderMark
        case utf16
        case notUTF8
        case quoted

        var description: String {
            switch self {
            case .unreadable(let code): "cannot be read: \(String(cString: strerror(code)))"
            case .folder: "is a folder and not a file; container engines make one where the file to mount is missing"
            case .empty: "is empty"
            case .tooLarge: "is larger than \(SecretFile.sizeLimit) bytes"
            case .byteOrderMark: "begins with a byte order mark (BOM); save it as UTF-8 without one"
            case .utf16: "is in UTF-16, as Windows PowerShell writes it; save it as UTF-8"
            case .notUTF8: "is not UTF-8 text"
            case .quoted: "holds a value in quotes; take them out"
            }
        }
    }

    static let sizeLimit = 1 << 20

    /// The text without white space at its ends, never empty. Blocks while it reads.
    static func read(_ path: String) throws(Failure) -> String {
        var status = stat()
        if stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR { throw .folder }
        guard let bytes = FileContent.read(path, limit: sizeLimit + 1) else { throw .unreadable(errno: errno) }
        if bytes.count > sizeLimit { throw .tooLarge }
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { throw .byteOrderMark }
        // Without its mark UTF-16 of such content has a zero in every pair of bytes.
        if bytes.starts(with: [0xFF, 0xFE]) || bytes.starts(with: [0xFE, 0xFF]) || bytes.contains(0) { throw .utf16 }
        guard let text = String(validating: bytes, as: UTF8.self)?.trimmed else { throw .notUTF8 }
        if text.isEmpty { throw .empty }
        if text.isQuoted { throw .quoted }
        return text
    }
}

extension StringProtocol {
    /// In quotes at both ends, which docker's `--env-file` and `kubectl --from-literal` keep as part of the value.
    var isQuoted: Bool {
        guard let first, count > 1, first == last else { return false }
        return first == "\"" || first == "'"
    }
}
