import Foundation
import Testing

@testable import Relay

@Suite struct ReadOnlyPagesTests {
    /// What a mapping of the process has resident (proc_pid_smaps(5)), in kB.
    private struct Mapping {
        /// Begins with the addresses and the permissions.
        var head: [Substring]
        var resident = 0
        /// Pages that the process has modified, such as relocated data.
        var modified = 0

        /// Reads a byte of each page.
        func touch() {
            let ends = head[0].split(separator: "-").compactMap { UInt($0, radix: 16) }
            for address in stride(from: ends[0], to: ends[1], by: 4096) {
                _ = UnsafeRawPointer(bitPattern: address)?.load(as: UInt8.self)
            }
        }
    }

    /// The readable mappings of a library that the tests link, but never call.
    private func mappings() throws -> [Mapping] {
        var mappings: [Mapping] = []
        let bytes = try #require(try FileHandle(forReadingAtPath: "/proc/self/smaps")?.readToEnd())
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
            let fields = line.split(separator: " ")
            switch fields[0] {
            case "Rss:": mappings[mappings.count - 1].resident = Int(fields[1]) ?? 0
            case "Anonymous:": mappings[mappings.count - 1].modified = Int(fields[1]) ?? 0
            case let first where !first.hasSuffix(":"): mappings.append(Mapping(head: fields))
            default: break
            }
        }
        return mappings.filter { $0.head.last?.contains("/libgnutls.so") == true && $0.head[1].hasPrefix("r") }
    }

    @Test func dropsAllButWhatTheDynamicLinkerHasModified() throws {
        for mapping in try mappings() { mapping.touch() }
        let before = try mappings()
        #expect(before.contains { $0.head[1] == "r--p" && $0.modified > 0 })
        ReadOnlyPages.drop()
        let after = try mappings()
        #expect(after.map(\.modified) == before.map(\.modified))
        for mapping in after where mapping.modified == 0 {
            #expect(mapping.resident < 100, "\(mapping.head)")
        }
        #expect(before.filter { $0.modified == 0 }.map(\.resident).reduce(0, +) > 1000)
        // Code that was dropped runs.
        #expect("done".uppercased() == "DONE")
    }
}
