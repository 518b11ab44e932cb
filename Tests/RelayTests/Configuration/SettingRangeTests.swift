import Foundation
import TestSupport
import Testing

@testable import Relay

private let hook = "https://chat.example.com/hooks/id/token"

@Suite struct SettingRangeTests {
    /// Beyond every range, and forms that once overflowed.
    static let absurd = [
        "9223372036854775807", "9223372036854775808", "-9223372036854775808", "-1", "99999999999999999999999999",
        "9999999h", "999999999w", "999999999w999999999w", "1/9999999h", "9223372036854775807/60s", "-1/60s", "1/-60s",
        "9223372036854775807TiB", "8388608TiB", "1e309", "NaN", "inf", "0x10", "١",
    ]

    private func read(_ variable: String, _ value: String) throws(ConfigurationError) -> RelayConfiguration {
        var reader = ConfigurationReader(environment: ["ROCKETCHAT_WEBHOOK_CRITICAL": hook, variable: value])
        return try reader.read()
    }

    private static let ranges = Dictionary(
        uniqueKeysWithValues: Setting.all.compactMap { setting in setting.ends.map { (setting.variable, $0) } })

    @Test func rangesAreFound() {
        #expect(Self.ranges.count >= 22)
    }

    @Test(arguments: ranges.keys.sorted())
    func bothEndsAreTakenAndWhatIsBeyondIsRefusedWithThem(variable: String) throws {
        let ends = try #require(Self.ranges[variable])
        let (least, most) = (ends.least, ends.most)
        _ = try read(variable, least)
        _ = try read(variable, most)
        for value in Self.absurd {
            let error = #expect(throws: ConfigurationError.self, "\(variable)=\(value)") { try read(variable, value) }
            let text = error?.description ?? ""
            #expect(text.contains(variable) && text.contains(least) && text.contains(most), "\(text)")
        }
    }

    /// As long as a variable may be (MAX_ARG_STRLEN).
    @Test func aDurationOfManyPartsDoesNotOverflow() {
        let text = String(repeating: "999999999w", count: 13_000)
        #expect(Quantity.duration(text) == Quantity.longest)
        #expect(throws: ConfigurationError.self) { try read("RELAY_MAX_AGE", text) }
    }

    @Test func receiversKeepToTheSameRanges() throws {
        let settings = ReceiverConfiguration.settings
        for setting in settings where setting.ends != nil {
            #expect(setting.ends == Self.ranges[setting.variable], "\(setting.key)")
        }
        #expect(
            Set(settings.filter { $0.ends != nil }.map(\.key))
                == ["rate_limit", "text_limit", "connect_timeout", "post_timeout", "fallback_after"])
    }

    @Test(arguments: ranges.keys.sorted()) func theTableNamesTheEnds(variable: String) throws {
        let ends = try #require(Self.ranges[variable])
        let row = "| `\(variable)` | `\(ends.least)` | `\(ends.most)` |"
        #expect(try Checkout.text("docs/CONFIGURATION.md").contains(row), "CONFIGURATION.md has no row \(row)")
    }

    @Test(arguments: [
        (Duration.zero, "0s"), (.milliseconds(10), "10ms"), (.milliseconds(1500), "1500ms"), (.seconds(90), "90s"),
        (.seconds(3600), "1h"), (.seconds(86_400), "1d"), (.seconds(120), "2m"),
    ])
    func durationsAreWrittenAsTheyAreRead(duration: Duration, text: String) {
        #expect(Quantity.text(duration) == text)
        #expect(Quantity.duration(text) == duration)
    }

    @Test(arguments: [(0, "0B"), (1000, "1000B"), (1024, "1KiB"), (64 << 20, "64MiB"), (1 << 40, "1TiB")])
    func sizesAreWrittenAsTheyAreRead(bytes: Int, text: String) {
        #expect(Quantity.text(bytes: bytes) == text)
        #expect(Quantity.bytes(text) == bytes)
    }
}
