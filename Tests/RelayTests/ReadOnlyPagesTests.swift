import Foundation
import Testing

@testable import Relay

@Suite struct ReadOnlyPagesTests {
    /// What a mapping of the process has resident (proc_pid_smaps(5)), in kB.
    private struct Mapping {
        var head: String
        var resident = 0
        /// Pages that the process has modified, such as relocated data.
        var modified = 0
    }

    /// The mappings of libraries that the tests link but never call after the dynamic linker.
    private func idleMappings() throws -> [Mapping] {
        var mappings: [Mapping] = []
        let bytes = try #require(try FileHandle(forReadingAtPath: "/proc/self/smaps")?.readToEnd())
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
            let fields = line.split(separator: " ")
            switch fields.first {
            case "Rss:": mappings[mappings.count - 1].resident = Int(fields[1]) ?? 0
            case "Anonymous:": mappings[mappings.count - 1].modified = Int(fields[1]) ?? 0
            case .some(let first) where !first.hasSuffix(":"): mappings.append(Mapping(head: String(line)))
            default: break
            }
        }
        return mappings.filter { $0.head.contains("/libgnutls.so") || $0.head.contains("/libkrb5.so") }
    }

    @Test func dropsWhatTheDynamicLinkerRead() throws {
        let before = try idleMappings()
        let modified = before.map(\.modified).reduce(0, +)
        #expect(modified > 0)
        ReadOnlyPages.drop()
        let after = try idleMappings()
        // Relocated data is still there, and little else.
        #expect(after.map(\.modified).reduce(0, +) == modified)
        #expect(after.map(\.resident).reduce(0, +) < modified + 200)
        #expect(before.map(\.resident).reduce(0, +) > modified + 400)
    }

    @Test func codeStillRunsAfterItsPagesAreDropped() {
        ReadOnlyPages.drop()
        #expect("done".uppercased() == "DONE")
    }
}
