import Testing

@testable import Alerts

@Suite struct SeverityMapTests {
    @Test(arguments: [
        (Severity.critical, "critical page p1 fatal emergency disaster"),
        (.warning, "warning warn p2 error high ticket"),
        (.info, "info information informational notice notify p3 p4 low none debug"),
    ])
    func defaultAliasesNameTheirSeverity(severity: Severity, aliases: String) {
        for alias in aliases.split(separator: " ").map(String.init) {
            #expect(SeverityMap().severity(of: alias) == severity)
            #expect(SeverityMap().severity(of: alias.uppercased()) == severity)
            #expect(SeverityMap().severity(of: "\t \(alias)\r\n") == severity)
        }
    }

    @Test(arguments: [
        "", " ", "task", "pageteam", "criticalx", "critica", "page\0", "crit ical", "ＣＲＩＴＩＣＡＬ",
        "informational-and-more",
        "1", "medium",
    ])
    func unknownValuesFallBack(value: String) {
        #expect(SeverityMap().severity(of: value) == .fallback)
    }

    @Test func aMissingLabelFallsBack() {
        #expect(SeverityMap().severity(of: String?.none) == .fallback)
        #expect(SeverityMap().severity(of: UnsafeRawBufferPointer?.none) == .fallback)
    }

    @Test func configuredAliasesReplaceTheDefaults() {
        let map = SeverityMap(aliases: [.critical: [" P0 ", "A-Very-Long-Word-For-Doom"], .info: ["Überwachung"]])
        #expect(map.severity(of: "p0") == .critical)
        #expect(map.severity(of: "a-very-long-word-for-DOOM") == .critical)
        #expect(map.severity(of: "a-very-long-word-for-gloom") == .fallback)
        #expect(map.severity(of: "Überwachung") == .info)
        #expect(map.severity(of: "critical") == .fallback)
    }

    @Test func sharedAliasMapsToTheMoreUrgentSeverity() {
        #expect(SeverityMap(aliases: [.info: ["x"], .warning: ["X"]]).severity(of: "x") == .warning)
    }
}
