import TestSupport
import Testing

@testable import Alerts
@testable import RocketChat

@Suite struct RoomNotesTests {
    private static let title = "✅ Resolved since; the resolve was posted to another room:"

    private func text(_ subjects: [String], of count: Int, limit: Int = 4_500) -> String {
        RoomNotes.resolvedElsewhere(subjects, of: count, limit: limit).text
    }

    @Test func everySubjectHasALine() {
        #expect(text(["DiskFull", "HostDown on web-1"], of: 2) == Self.title + "\n- DiskFull\n- HostDown on web-1")
    }

    @Test func groupsWithoutSubjectAreCounted() {
        #expect(text(["DiskFull"], of: 3) == Self.title + "\n- DiskFull\nand 2 more")
        #expect(text([], of: 7) == Self.title + "\n- 7 groups of alerts")
        #expect(text([], of: 1) == Self.title + "\n- 1 group of alerts")
    }

    @Test(arguments: [100, 450, 1_500]) func textKeepsTheLimit(limit: Int) throws {
        for length in 1...40 {
            let subjects = (0..<300).map { "\($0)" + String(repeating: "😀", count: length) }
            let lines = text(subjects, of: 300, limit: limit).split(separator: "\n")
            #expect(lines.joined(separator: "\n").utf16.count <= limit)
            let shown = lines.dropFirst().filter { $0.hasPrefix("- ") && !$0.hasSuffix("groups of alerts") }
            let last = try #require(lines.last)
            #expect(last == (shown.isEmpty ? "- 300 groups of alerts" : "and \(300 - shown.count) more"))
        }
    }

    @Test func textUsesTheLimit() {
        let title = Self.title.utf16.count
        let subjects = [String(repeating: "x", count: 100)]
        #expect(text(subjects, of: 1, limit: title + 40 + 103) == Self.title + "\n- 1 group of alerts")
        #expect(text(subjects, of: 1, limit: title + 40 + 104) == Self.title + "\n- " + subjects[0])
    }

    @Test func shorterSubjectFollowsOneThatDoesNotFit() {
        let subjects = [String(repeating: "x", count: 400), "DiskFull"]
        #expect(text(subjects, of: 2, limit: 300) == Self.title + "\n- DiskFull\nand 1 more")
    }

    @Test(arguments: HostileCorpus.values + (1...50).map { HostileCorpus.random(seed: $0) })
    func hostileNamesAreEscaped(value: String) {
        let alerts = [
            Alert.make(status: .resolved, labels: ["alertname": value, "instance": value, "cluster": value]),
            Alert.make(status: .resolved, labels: ["alertname": "DiskFull", "instance": value]),
        ]
        let subjects = [AlertNames.subject(of: alerts), AlertNames.subject(of: [alerts[0]])]
        let lines = text(subjects, of: 9).split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.count == 4, "a subject is one line")
        // The note adds the dash.
        let plain = lines.map { $0.hasPrefix("- ") ? $0.dropFirst(2) : $0 }.joined(separator: "\n")
        #expect(LiveConstructs.find(in: plain, reader: .messageParser).isEmpty, "\(plain.debugDescription)")
    }

    @Test(arguments: Severity.allCases) func noticeNamesTheNotification(severity: Severity) {
        let text = RoomNotes.refused("4711", severity: severity).text
        #expect(
            text.hasPrefix("\(severity.icon(isFiring: true, isTruncated: false)) \(severity.word) this room refuses"))
        #expect(text.contains("notification 4711 in the form in which the relay sends it"))
        #expect(text.hasSuffix("relay dead-letters show 4711"))
        #expect(LiveConstructs.find(in: text, reader: .messageParser).isEmpty)
    }
}
