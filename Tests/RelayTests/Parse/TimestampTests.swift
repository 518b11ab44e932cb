import Testing

@testable import Relay

@Suite struct TimestampTests {
    @Test(arguments: [
        ("1970-01-01T00:00:00Z", 0, 0), ("2026-01-30T10:00:00.123Z", 1_769_767_200, 123_000_000),
        ("2026-01-30T10:00:00.123456789Z", 1_769_767_200, 123_456_789),
        ("2026-01-30T10:00:00.1234567899Z", 1_769_767_200, 123_456_789),
        ("2026-01-30T12:30:00+02:30", 1_769_767_200, 0), ("2026-01-30T05:00:00-05:00", 1_769_767_200, 0),
        ("2024-02-29T00:00:00Z", 1_709_164_800, 0), ("2000-02-29T23:59:60z", 951_868_799, 0),
        ("0001-01-01T00:00:00Z", -62_135_596_800, 0), ("1969-12-31t23:59:59.5Z", -1, 500_000_000),
        ("9999-12-31T23:59:59Z", 253_402_300_799, 0),
    ])
    func timesAreRead(text: String, seconds: Int64, nanoseconds: Int32) {
        #expect(Timestamp(rfc3339: text) == Timestamp(seconds: seconds, nanoseconds: nanoseconds))
    }

    @Test(arguments: [
        "", "2026-01-30", "2026-01-30T10:00:00", "2026-02-29T00:00:00Z", "2100-02-29T00:00:00Z", "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00+0200",
        "2026-01-01T00:00:00Zx", "2026-01-01T00:00:00+aa:bb", "٢٠26-01-01T00:00:00Z",
    ])
    func whatIsNoTimeIsRefused(text: String) {
        #expect(Timestamp(rfc3339: text) == nil)
    }

    @Test(arguments: ["2026-01-30T10:00:00Z", "2024-02-29T23:59:59.007Z", "1969-07-20T20:17:40Z"])
    func writingGivesBackWhatWasRead(text: String) {
        #expect(Timestamp(rfc3339: text)?.rfc3339 == text)
    }

    @Test func spansAreCountedAcrossTheSecond() throws {
        let early = try #require(Timestamp(rfc3339: "2026-01-01T00:00:00.9Z"))
        let late = try #require(Timestamp(rfc3339: "2026-01-01T00:00:01.1Z"))
        #expect(late.since(early) == .milliseconds(200))
        #expect(early < late)
    }
}
