import Glibc
import Support

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

/// What keeps a file from holding PEM of some kind (RFC 7468), so that it is said before the first post fails.
enum PEMFile {
    enum Kind {
        case certificates
        case key
    }

    /// No bundle of authorities comes near it.
    private static let sizeLimit = 16 << 20

    /// A sentence with the file's name, or nil if nothing is wrong that can be seen from outside. Blocks while it reads.
    static func fault(in path: String, _ kind: Kind) -> String? {
        var status = stat()
        if stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR { return "\(path) is a folder and not a file" }
        guard let bytes = FileContent.read(path, limit: sizeLimit) else {
            return "\(path) cannot be read: \(String(cString: strerror(errno)))"
        }
        let text = String(decoding: bytes, as: UTF8.self)
        if text.trimmed.isEmpty { return "\(path) is empty" }
        switch kind {
        case .certificates:
            return holdsBlock(text, "CERTIFICATE-----") ? nil : "\(path) holds no certificate in PEM form"
        case .key:
            guard holdsBlock(text, "PRIVATE KEY-----") else { return "\(path) holds no private key in PEM form" }
            let isEncrypted = text.contains("BEGIN ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED")
            return isEncrypted ? "\(path) holds a key with a passphrase, and nobody can be asked for it" : nil
        }
    }

    /// Whether a block of such a label begins, and ends after it.
    private static func holdsBlock(_ text: String, _ label: String) -> Bool {
        var isOpen = false
        for line in text.split(whereSeparator: \.isNewline).lazy.map(\.trimmed) where line.hasSuffix(label) {
            if line.hasPrefix("-----BEGIN ") { isOpen = true }
            if isOpen, line.hasPrefix("-----END ") { return true }
        }
        return false
    }
}
