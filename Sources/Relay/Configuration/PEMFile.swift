import Glibc

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
