import Foundation
import TestSupport
import Testing

/// Checks statements of the documents against the code.
@Suite struct DocumentTests {
    /// `Suite` and `Suite.test` for everything in `Tests/`.
    private static func tests() throws -> Set<String> {
        let folder = Checkout.root.appending(path: "Tests")
        var names: Set<String> = []
        for path in try FileManager.default.subpathsOfDirectory(atPath: folder.path) where path.hasSuffix("Tests.swift")
        {
            let suite = URL(filePath: path).deletingPathExtension().lastPathComponent
            names.insert(suite)
            let text = try String(contentsOf: folder.appending(path: path), encoding: .utf8)
            for match in text.matches(of: /func ([A-Za-z0-9]+)\(/) { names.insert("\(suite).\(match.1)") }
        }
        return names
    }

    @Test func everyRowOfTheTablesNamesTestsThatExist() throws {
        let document = try Checkout.text("docs/rocketchat.md")
        let tests = try Self.tests()
        let rows = document.split(separator: "\n").filter { $0.hasPrefix("| ") && !$0.hasSuffix("| test |") }
        #expect(rows.count > 55)
        for row in rows {
            let cell = row.split(separator: "|").last ?? ""
            let named = cell.matches(of: /`([A-Za-z0-9.]+)`/).map { String($0.1) }
            #expect(!named.isEmpty, "no test in \(row)")
            for name in named { #expect(tests.contains(name), "no such test: \(name)") }
        }
    }
}
