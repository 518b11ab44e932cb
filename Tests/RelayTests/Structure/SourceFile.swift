import Foundation
import TestSupport

/// One file under `Sources/`, for the tests of the sources' structure.
struct SourceFile: Sendable {
    /// Relative to `Sources/`, as in `Relay/Parse/Severity.swift`.
    var path: String
    var text: String

    var lineCount: Int {
        text.utf8.count { $0 == UInt8(ascii: "\n") } + (text.isEmpty || text.hasSuffix("\n") ? 0 : 1)
    }

    /// The modules that a Swift file imports, submodules and single declarations counted as their module.
    var importedModules: [String] {
        text.split(separator: "\n").compactMap { Self.module(importedBy: $0) }
    }

    private static let importKinds: Set<Substring> = [
        "struct", "class", "enum", "protocol", "func", "var", "let", "typealias", "actor",
    ]

    private static func module(importedBy line: Substring) -> String? {
        let code = line.prefix { $0 != "/" && $0 != ";" }
        var words = code.split { $0 == " " || $0 == "\t" }[...]
        while let word = words.first, word.hasPrefix("@") || accessLevels.contains(word) { words.removeFirst() }
        guard words.popFirst() == "import" else { return nil }
        if let kind = words.first, importKinds.contains(kind) { words.removeFirst() }
        return words.first?.split(separator: ".").first.map(String.init)
    }

    private static let accessLevels: Set<Substring> = ["public", "package", "internal", "fileprivate", "private"]

    /// Every file under `Sources/` whose name ends in one of `extensions`.
    static func all(withExtensions extensions: Set<String>) throws -> [SourceFile] {
        let folder = Checkout.root.appending(path: "Sources")
        let paths = try FileManager.default.subpathsOfDirectory(atPath: folder.path)
        return try paths.filter { extensions.contains(URL(filePath: $0).pathExtension) }.sorted().map {
            SourceFile(path: $0, text: try String(contentsOf: folder.appending(path: $0), encoding: .utf8))
        }
    }

    /// The C modules: the folders in `Sources/` that hold a module map, or C or C++ code.
    static func cModules() throws -> Set<String> {
        Set(try all(withExtensions: ["modulemap", "c", "cc", "cpp"]).map { String($0.path.prefix { $0 != "/" }) })
    }
}
