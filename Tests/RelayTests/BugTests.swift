import Glibc
import Support
import Testing

/// Exit tests run their bodies in child processes.
@Suite
struct BugTests {
    @Test func bugWritesOneLineAndAborts() async throws {
        let result = await #expect(processExitsWith: .signal(SIGABRT), observing: [\.standardErrorContent]) {
            bug("the queue is empty", line: 17)
        }
        let lines = String(decoding: try #require(result).standardErrorContent, as: UTF8.self).split(separator: "\n")
        #expect(lines.contains("relay: bug: RelayTests/BugTests.swift:17: the queue is empty"), "\(lines)")
    }

    @Test func violatedExpectationNamesTheCaller() async throws {
        let result = await #expect(processExitsWith: .signal(SIGABRT), observing: [\.standardErrorContent]) {
            expect([1].isEmpty, "the list is not empty")
        }
        let output = String(decoding: try #require(result).standardErrorContent, as: UTF8.self)
        #expect(output.contains(/relay: bug: RelayTests\/BugTests\.swift:\d+: the list is not empty\n/), "\(output)")
    }

    @Test func metExpectationDoesNotEvaluateItsText() {
        var evaluations = 0
        func text() -> String {
            evaluations += 1
            return ""
        }
        expect([1].count == 1, text())
        #expect(evaluations == 0)
    }
}
