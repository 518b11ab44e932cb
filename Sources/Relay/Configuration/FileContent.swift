import Glibc

/// A small file, read at once. Never on the loop.
enum FileContent {
    /// At most `limit` bytes from the file's start; nil where it cannot be opened, and errno says why.
    static func read(_ path: String, limit: Int) -> [UInt8]? {
        guard let file = fopen(path, "re") else { return nil }
        defer { fclose(file) }
        return [UInt8](unsafeUninitializedCapacity: limit) { bytes, count in
            count = fread(bytes.baseAddress, 1, limit, file)
        }
    }
}

extension StringProtocol {
    /// Without white space and line breaks at either end.
    var trimmed: String {
        var text = self[...]
        while text.first?.isWhitespace == true { text = text.dropFirst() }
        while text.last?.isWhitespace == true { text = text.dropLast() }
        return String(text)
    }
}
