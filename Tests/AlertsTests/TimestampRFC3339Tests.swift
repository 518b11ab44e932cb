import Testing

@testable import Alerts
@testable import Support

@Suite struct TimestampRFC3339Tests {
    @Test(arguments: [
        ("1970-01-01T00:00:00Z", 0, 0),
        ("1969-12-31T23:59:59.5Z", -1, 500_000_000),
        ("2026-01-30T10:00:00.123Z", 1_769_767_200, 123_000_000),
        ("2026-11-23T17:05:09.587178644Z", 1_795_453_509, 587_178_644),
        ("2024-03-31T02:30:00.123456789+02:00", 1_711_845_000, 123_456_789),
        ("2024-01-01t00:00:00z", 1_704_067_200, 0),
        ("2024-02-29T12:00:00-05:30", 1_709_227_800, 0),
        ("2000-02-29T00:00:00-00:00", 951_782_400, 0),
        ("2016-12-31T23:59:60Z", 1_483_228_800, 0),
        ("2017-01-01T05:29:60+05:30", 1_483_228_800, 0),
        ("9999-12-31T23:59:59.999999999999Z", 253_402_300_799, 999_999_999),
        ("0001-01-01T00:00:00Z", -62_135_596_800, 0),
        ("0000-01-01T00:00:00Z", -62_167_219_200, 0),
    ])
    func aTimeIsRead(text: String, seconds: Int64, nanoseconds: Int32) {
        #expect(Timestamp(rfc3339: text) == Timestamp(seconds: seconds, nanoseconds: nanoseconds))
    }

    @Test(arguments: [
        "", "2026-01-30", "2026-01-30T10:00:00", "2026-01-30 10:00:00Z", "2026-01-30T10:00:00.Z",
        "2026-01-30T10:00:00,5Z", "2026-01-30T10:00Z", "2026-1-30T10:00:00Z", "26-01-30T10:00:00Z",
        "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-02-29T00:00:00Z", "1900-02-29T00:00:00Z",
        "2026-04-31T00:00:00Z", "2026-01-00T00:00:00Z", "2026-01-30T24:00:00Z", "2026-01-30T10:60:00Z",
        "2026-01-30T10:00:61Z", "2026-01-30T10:00:60Z", "2026-01-30T10:00:00+24:00", "2026-01-30T10:00:00+02:60",
        "2026-01-30T10:00:00+0200", "2026-01-30T10:00:00+02", "2026-01-30T10:00:00ZZ", "2026-01-30T10:00:00Z ",
        "+026-01-30T10:00:00Z", "2026-01-30T-1:00:00Z", "2026-01-30T10:00:00*02:00", "1769767200",
        "٢٠٢٦-01-30T10:00:00Z",
    ])
    func invalidTimesAreRefused(text: String) {
        #expect(Timestamp(rfc3339: text) == nil)
    }

    @Test(arguments: [
        "1970-01-01T00:00:00Z", "1969-12-31T23:59:59.5Z", "2024-02-29T23:59:59.000000001Z", "0001-01-01T00:00:00Z",
        "0000-03-01T00:00:00Z", "9999-12-31T00:00:00.12Z", "2000-12-31T00:00:00Z", "1900-03-01T00:00:00Z",
    ])
    func timesRoundTrip(text: String) {
        #expect(Timestamp(rfc3339: text)?.rfc3339 == text)
    }

    @Test func anOffsetIsWrittenAsUTC() {
        #expect(Timestamp(rfc3339: "2024-03-31T02:30:00.100+02:00")?.rfc3339 == "2024-03-31T00:30:00.1Z")
        #expect(Timestamp(rfc3339: "2024-12-31T20:00:00-05:00")?.rfc3339 == "2025-01-01T01:00:00Z")
    }

    @Test func goZeroTimeIsUnset() {
        #expect(Timestamp(rfc3339: "0001-01-01T00:00:00Z")?.isUnset == true)
        #expect(Timestamp(rfc3339: "0001-01-01T00:00:00+01:00")?.isUnset == true)
        #expect(Timestamp(rfc3339: "0001-12-31T23:59:59Z")?.isUnset == true)
        #expect(Timestamp(rfc3339: "0002-01-01T00:00:00Z")?.isUnset == false)
    }

    @Test func everyDayOfEightCenturiesFollowsTheOneBefore() throws {
        var expected = try #require(CalendarDate(year: 1599, month: 12, day: 31))
        for day in expected.daysSince1970...(expected.daysSince1970 + 800 * 366) {
            let date = CalendarDate(daysSince1970: day)
            #expect(date == expected && date.daysSince1970 == day)
            guard date == expected else { return }
            expected = dayAfter(expected)
        }
    }

    private func dayAfter(_ date: CalendarDate) -> CalendarDate {
        CalendarDate(year: date.year, month: date.month, day: date.day + 1)
            ?? CalendarDate(year: date.year, month: date.month + 1, day: 1)
            ?? CalendarDate(year: date.year + 1, month: 1, day: 1)!
    }
}
