import Foundation
import TestSupport
import Testing

@testable import Alerts
@testable import Journaling
@testable import Relay
@testable import RocketChat
@testable import SQLiteJournal
@testable import Support

private let hook = "https://chat.example.com/hooks/id/token"

@Suite struct SettingRangeTests {
    /// Values beyond every range, and forms that once overflowed.
    static let absurd = [
        "9223372036854775807", "9223372036854775808", "-9223372036854775808", "-1", "99999999999999999999999999",
        "9999999h", "999999999w", "999999999w999999999w", "1/9999999h", "9223372036854775807/60s", "-1/60s", "1/-60s",
        "9223372036854775807TiB", "8388608TiB", "1e309", "NaN", "inf", "0x10", "١",
    ]

    private func read(_ variable: String, _ value: String) throws(ConfigurationError) -> RelayConfiguration {
        var reader = ConfigurationReader(environment: ["ROCKETCHAT_WEBHOOK_CRITICAL": hook, variable: value])
        return try reader.read()
    }

    @Test(arguments: SettingRange.all.keys.sorted())
    func rangeEndsAreAcceptedAndValuesBeyondAreRefused(variable: String) throws {
        let range = try #require(SettingRange.all[variable])
        let (least, most) = range.ends
        _ = try read(variable, least)
        _ = try read(variable, most)
        for value in Self.absurd {
            let error = #expect(throws: ConfigurationError.self, "\(variable)=\(value)") { try read(variable, value) }
            let text = error?.description ?? ""
            #expect(text.contains(variable) && text.contains(least) && text.contains(most), "\(text)")
        }
    }

    /// The longest value that a variable can have (MAX_ARG_STRLEN).
    @Test func aDurationOfManyPartsDoesNotOverflow() {
        let text = String(repeating: "999999999w", count: 13_000)
        #expect(Quantity.duration(text) == Quantity.longest)
        #expect(throws: ConfigurationError.self) { try read("RELAY_MAX_AGE", text) }
    }

    @Test(arguments: SettingRange.all.keys.sorted()) func aRangeBelongsToASetting(variable: String) {
        #expect(Setting.all.contains { $0.variable == variable })
    }

    @Test func receiversUseTheSameRanges() {
        #expect(SettingRange.of("RELAY_RECEIVERS_12_TEXT_LIMIT") == SettingRange.all["RELAY_TEXT_LIMIT"])
        #expect(SettingRange.of("RELAY_RECEIVERS_0_FALLBACK_AFTER") == SettingRange.all["RELAY_FALLBACK_AFTER"])
        #expect(SettingRange.of("RELAY_RECEIVERS_0_NAME") == nil)
    }

    @Test(arguments: SettingRange.all.keys.sorted()) func documentationListsEveryRange(variable: String) throws {
        let (least, most) = try #require(SettingRange.all[variable]).ends
        let row = "| `\(variable)` | `\(least)` | `\(most)` |"
        #expect(try Checkout.text("docs/CONFIGURATION.md").contains(row), "CONFIGURATION.md has no row \(row)")
    }

    @Test(arguments: [
        (Duration.zero, "0s"), (.milliseconds(10), "10ms"), (.milliseconds(1500), "1500ms"), (.seconds(90), "90s"),
        (.seconds(3600), "1h"), (.seconds(86_400), "1d"), (.seconds(120), "2m"),
    ])
    func durationsRoundTrip(duration: Duration, text: String) {
        #expect(Quantity.text(duration) == text)
        #expect(Quantity.duration(text) == duration)
    }

    @Test(arguments: [(0, "0B"), (1000, "1000B"), (1024, "1KiB"), (64 << 20, "64MiB"), (1 << 40, "1TiB")])
    func sizesRoundTrip(bytes: Int, text: String) {
        #expect(Quantity.text(bytes: bytes) == text)
        #expect(Quantity.bytes(text) == bytes)
    }
}
