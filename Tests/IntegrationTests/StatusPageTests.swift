import Foundation
import TestSupport
import Testing

/// The status page in a real Chromium, in front of the built programs.
///
/// `STATUS_SCREENSHOTS` names a folder for pictures of the pages.
@Suite(.serialized, .timeLimit(.minutes(5)))
struct StatusPageTests {
    private static let token = "a-token-of-the-status-page"
    private static let sender = ["Authorization: Bearer \(token)"]
    /// Texts whose markup would act if the page did not escape it.
    private static let hostile = [
        "<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "</textarea><b>x</b>", "&lt;b&gt;", "@all",
        "[click](javascript:alert(1))", "a\u{202E}b", "{{7*7}}", "'; DROP TABLE x; --", "<!-- x -->",
    ]

    private func rig() throws -> Rig { try Rig(environment: ["RELAY_AUTH_TOKEN": Self.token]) }

    /// The address with credentials, which the browser sends once it is asked for them.
    private func address(_ rig: Rig, _ path: String = "/") -> String {
        "http://ops:\(Self.token)@127.0.0.1:\(rig.port)\(path)"
    }

    private func body(_ alerts: [[String: String]], group: Int = 0) throws -> [UInt8] {
        let alerts: [[String: Any]] = alerts.enumerated().map { index, labels in
            [
                "status": "firing", "labels": labels.merging(["severity": "critical"]) { $1 },
                "annotations": ["summary": labels["alertname"] ?? ""], "startsAt": "2026-11-23T10:00:00Z",
                "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "", "fingerprint": "\(group)-\(index)",
            ]
        }
        let payload: [String: Any] = [
            "version": "4", "receiver": "r", "status": "firing", "groupKey": "{}:{g=\"\(group)\"}",
            "truncatedAlerts": 0, "groupLabels": [:], "commonLabels": [:], "commonAnnotations": [:],
            "externalURL": "http://am.example.com", "alerts": alerts,
        ]
        return Array(try JSONSerialization.data(withJSONObject: payload))
    }

    /// Gives up a notification for each text, with the text as the name of its alert.
    private func makeDeadLetters(_ rig: Rig, _ names: [String]) throws {
        rig.setFault(#"{"containing":"DeadLetterTest","status":400,"body":{"success":false,"error":"<i>odd</i>"}}"#)
        for (group, name) in names.enumerated() {
            let alert = ["alertname": name, "job": "DeadLetterTest"]
            #expect(rig.post(try body([alert], group: group), headers: Self.sender)?.status == 200)
            // One by one, so that they are not folded.
            #expect(eventually { rig.metric(#"relay_dead_letters{severity="critical"}"#) == Double(group + 1) })
        }
        rig.heal()
    }

    private func save(_ picture: Data, _ name: String) throws {
        #expect(picture.starts(with: [0x89, 0x50, 0x4E, 0x47]) && picture.count > 5_000)
        guard let folder = ProcessInfo.processInfo.environment["STATUS_SCREENSHOTS"] else { return }
        try picture.write(to: URL(filePath: "\(folder)/\(name).png"))
    }

    @Test func pageIsReadableInEveryFormAndShowsHostileTextAsText() throws {
        let rig = try rig()
        try makeDeadLetters(rig, Self.hostile)
        _ = rig.post(try Rig.fixture("10-markdown-mention-injection.am0331.json"), headers: Self.sender)
        let browser = try Browser()
        for isDark in [false, true] {
            for width in [390, 1280] {
                try browser.show(width: width, isDark: isDark)
                try browser.open(address(rig))
                let overflow = try browser.number("document.documentElement.scrollWidth - innerWidth")
                #expect(overflow <= 0, "the page is wider than a window of \(width)")
                try save(browser.screenshot(), "page-\(isDark ? "dark" : "light")-\(width)")
            }
        }
        let text = try browser.text("document.querySelector('#dead-letters').textContent")
        for name in Self.hostile {
            let shown = name.replacingOccurrences(of: "\u{202E}", with: "")
            #expect(text.contains(shown), "\(shown) is not shown as text")
        }
        #expect(text.contains("<i>odd</i>"), "the server's words too")
        #expect(try browser.number("document.querySelectorAll('main script, main img, main b b, main i').length") == 0)
        #expect(browser.complaints.isEmpty, "\(browser.complaints)")
    }

    @Test func previewDrawsHostileTextAsText() throws {
        let rig = try rig()
        let browser = try Browser()
        let alerts = HostileCorpus.values.enumerated().map { ["alertname": "Hostile\($0.offset)", "note": $0.element] }
        let json = String(decoding: try body(alerts), as: UTF8.self)
        try browser.open(address(rig))
        let quoted = String(decoding: try JSONEncoder().encode(json), as: UTF8.self)
        _ = try browser.evaluate("document.getElementById('body').value = \(quoted); 1")
        try browser.waitForLoad {
            _ = try browser.evaluate("document.querySelector('.preview button').click(); 1")
        }
        let shown = try browser.text("document.getElementById('body').value")
        let isControl = { (scalar: Unicode.Scalar) in ("\u{7F}"..."\u{9F}").contains(scalar) }
        let expected = String.UnicodeScalarView(json.unicodeScalars.map { isControl($0) ? "\u{FFFD}" : $0 })
        #expect(shown.unicodeScalars.elementsEqual(expected), "the body is shown as text, control characters replaced")
        #expect(try browser.number("document.querySelectorAll('article').length") == 1)
        let active = "article script, article img, article iframe, article form, article .mention, article [style]"
        #expect(try browser.number("document.querySelectorAll('\(active)').length") == 0)
        let links = "[...document.querySelectorAll('article a')].filter(a => !/^https?:/.test(a.href)).length"
        #expect(try browser.number(links) == 0)
        for (isDark, width) in [(false, 390), (true, 390), (false, 1280), (true, 1280)] {
            try browser.show(width: width, isDark: isDark)
            #expect(try browser.number("document.documentElement.scrollWidth - innerWidth") <= 0)
            try save(browser.screenshot(), "preview-\(isDark ? "dark" : "light")-\(width)")
        }
        #expect(browser.complaints.isEmpty, "\(browser.complaints)")
    }

    @Test func everyControlHasANameAndIsReachedByTheKeyboard() throws {
        let rig = try rig()
        try makeDeadLetters(rig, ["DiskFull"])
        let browser = try Browser()
        try browser.open(address(rig))
        let controls =
            "main a[href], main button, main input:not([type=hidden]), main select, main textarea, main summary"
        let visible = "[...document.querySelectorAll('\(controls)')].filter(e => e.checkVisibility())"
        let names = "e => e.labels?.[0]?.textContent || e.getAttribute('aria-label') || e.textContent"
        #expect(try browser.number("\(visible).filter(e => !(\(names))(e).trim()).length") == 0)
        let count = try browser.number("\(visible).length")
        #expect(count >= 4)
        for index in 0..<count {
            try browser.press("Tab")
            #expect(try browser.number("\(visible).indexOf(document.activeElement)") == index, "the order of Tab")
        }
        #expect(browser.complaints.isEmpty, "\(browser.complaints)")
    }

    /// Without script, by the keyboard alone.
    @Test func deadLetterIsReplayedWithoutScript() throws {
        let rig = try rig()
        try makeDeadLetters(rig, ["DiskFull"])
        let browser = try Browser()
        try browser.setScripts(enabled: false)
        try browser.open(address(rig))
        try browser.press("Tab")
        try browser.waitForLoad { try browser.press("Enter") }
        #expect(try rig.waitForMessages(1, hook: "critical").last?.text.contains("replayed") == true)
        #expect(eventually { rig.metric(#"relay_dead_letters{severity="critical"}"#) == 0 })
        #expect(rig.relay.writes("dead letter changed on the status page"))
        try browser.setScripts(enabled: true)
        #expect(try browser.text("location.search + location.hash") == "?done=replayed#dead-letters")
        #expect(try browser.text("document.body.textContent").contains("queued for delivery again"))
    }

    @Test func scriptRefreshesThePage() throws {
        let rig = try rig()
        let browser = try Browser()
        try browser.open(address(rig))
        #expect(try browser.text("document.getElementById('headline').textContent").contains("Everything accepted"))
        rig.setFault(#"{"hook":"critical","status":404,"body":{"success":false,"error":"gone"}}"#)
        #expect(rig.post(numbered(1), headers: Self.sender)?.status == 200)
        #expect(
            try eventually {
                _ = try browser.evaluate("refresh()")
                return try browser.text("document.getElementById('rooms').textContent").contains("gone")
            })
        #expect(try browser.text("document.title").contains("the hook of critical does not work"))
        #expect(browser.complaints.isEmpty, "\(browser.complaints)")
    }

    // MARK: relay pending

    @Test func pendingSaysWhatWaitsAndWhy() throws {
        let folder = TemporaryFolder()
        let storage = folder.path + "/spool"
        let rig = try Rig(storage: storage, environment: ["RELAY_FAILOVER": "false"])
        func pending(_ arguments: String...) throws -> String {
            let program = try Program("relay", ["pending", "--storage.path", storage] + arguments)
            #expect(program.exitCode() == 0, "\(program.output)")
            return program.output
        }
        #expect(try pending() == "Nothing waits for delivery.\n")
        rig.setFault(#"{"status":404,"body":{"success":false,"error":"gone"}}"#)
        #expect(rig.post(numbered(1))?.status == 200)
        #expect(try eventually { try pending().contains("HTTP 404") })
        let text = try pending()
        for words in ["critical (", "1 notification waits", "alerts: Numbered", "why: ", "do: "] {
            #expect(text.contains(words), "\(words) is not in \(text)")
        }
        let json = try JSONSerialization.jsonObject(with: Data(try pending("--json").utf8)) as? [String: Any]
        #expect(json?["waiting"] as? Int == 1 && json?["running"] as? Bool == true)
        rig.relay.killNow()
        let stopped = try pending()
        #expect(stopped.contains("critical: 1 notification waits") && stopped.contains("alerts: Numbered"))
        #expect(stopped.contains("why:    The relay is not running."))
    }
}
