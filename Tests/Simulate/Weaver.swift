#if canImport(Glibc)
    import Glibc
#endif

/// Copies the machine's sources with all mutants inserted, each selected by its number. One build tests all mutants,
/// and the shipped sources contain none.
enum Weaver {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    static func weave(from source: String, to target: String) throws(Failure) {
        mkdir(target, 0o755)
        for file in files(in: source) {
            var text = try read(source + "/" + file)
            let mine = Mutant.all.enumerated().filter { $0.element.file == file }
            var done: Set<String> = []
            for (_, mutant) in mine where done.insert(mutant.original).inserted {
                let same = mine.filter { $0.element.original == mutant.original }
                text = try replace(mutant, same.map { ($0.offset + 1, $0.element.replacement) }, in: text)
            }
            try write(text, to: target + "/" + file)
        }
        for mutant in Mutant.all where !files(in: source).contains(mutant.file) {
            throw Failure(description: "\(mutant.name): no file \(mutant.file)")
        }
        try write("public nonisolated(unsafe) var activeMutant = 0\n", to: target + "/ActiveMutant.swift")
    }

    private static func replace(
        _ mutant: Mutant, _ replacements: [(number: Int, text: String)], in text: String
    ) throws(Failure) -> String {
        let plain = mutant.original.filter { $0 != "«" && $0 != "»" }
        let found = text.ranges(of: plain)
        guard found.count == 1, let range = found.first else {
            throw Failure(description: "\(mutant.name): \(found.count) times in \(mutant.file)")
        }
        var (before, part, after) = ("", plain, "")
        if let start = mutant.original.firstIndex(of: "«"), let end = mutant.original.firstIndex(of: "»") {
            before = String(mutant.original[..<start])
            part = String(mutant.original[mutant.original.index(after: start)..<end])
            after = String(mutant.original[mutant.original.index(after: end)...])
        }
        var woven = mutant.isStatement ? "{ \(part) }" : "(\(part))"
        for (number, new) in replacements {
            woven =
                mutant.isStatement
                ? "if activeMutant == \(number) { \(new) } else \(woven)"
                : "(activeMutant == \(number) ? (\(new)) : \(woven))"
        }
        return text.replacingCharacters(range, with: before + woven + after)
    }

    // MARK: Files

    private static func files(in folder: String) -> [String] {
        guard let directory = opendir(folder) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name.hasSuffix(".swift") { names.append(name) }
        }
        return names.sorted()
    }

    static func read(_ path: String) throws(Failure) -> String {
        guard let file = fopen(path, "r") else { throw Failure(description: "\(path) cannot be read") }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while case let count = fread(&chunk, 1, chunk.count, file), count > 0 { bytes += chunk[..<count] }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func write(_ text: String, to path: String) throws(Failure) {
        guard let file = fopen(path, "w") else { throw Failure(description: "\(path) cannot be written") }
        defer { fclose(file) }
        fputs(text, file)
    }
}

extension String {
    fileprivate func replacingCharacters(_ range: Range<Index>, with text: String) -> String {
        String(self[..<range.lowerBound]) + text + String(self[range.upperBound...])
    }
}
