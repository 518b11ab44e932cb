import Testing

@testable import Alerts
@testable import Posting
@testable import RocketChat

@Suite struct TemplateTests {
    private func error(_ source: String, _ place: TemplatePlace = .text) -> TemplateError? {
        do throws(TemplateError) {
            _ = try Template(source, at: place)
            return nil
        } catch {
            return error
        }
    }

    private func text(
        _ source: String, _ alerts: [Alert] = [.make()], truncated: Int = 0
    ) throws -> (text: String, failures: Set<TemplateFailure>) {
        var payload = Payload.make(truncatedAlerts: truncated, alerts: alerts)
        payload.groupLabels = ["alertname": "HighCPUUsage"]
        payload.commonLabels = ["alertname": "HighCPUUsage", "host.name": "h1"]
        let (message, failures) = MessageComposer.templated(payload, try .make(text: source))
        return (message.text, failures)
    }

    // MARK: Language

    @Test(arguments: [
        ("{{relay.icon}} {{relay.severity}}: {{commonLabels.alertname}}", "🔴 CRITICAL: HighCPUUsage"),
        ("{{#alerts}}{{labels.alertname}} on {{labels.instance}}{{/alerts}}", "HighCPUUsage on web-1:9100"),
        ("{{#alerts}}{{status}}{{/alerts}} {{status}} {{receiver}}", "firing firing relay"),
        ("{{#relay.isFiring}}burns{{/relay.isFiring}}{{^relay.isFiring}}over{{/relay.isFiring}}", "burns"),
        ("{{#groupLabels}}{{alertname}}{{/groupLabels}}", "HighCPUUsage"),
        (
            "{{#commonLabels.team}}team{{/commonLabels.team}}{{^commonLabels.team}}no team{{/commonLabels.team}}",
            "no team"
        ),
        ("{{#groupLabels.alertname}}<{{.}}>{{/groupLabels.alertname}}", "<HighCPUUsage>"),
        ("{{commonLabels.host.name}}", "h1"),
        ("a {{! a comment }}b", "a b"),
        (
            "{{ relay.severity }} {{& relay.severity}} {{{relay.severity}}}",
            "CRITICAL CRITICAL CRITICAL"
        ),
        ("{{relay.firing}} of {{relay.total}}, {{relay.resolved}} over", "1 of 1, 0 over"),
        ("{{#alerts}}{{#relay.labels}}{{name}}={{value}};{{/relay.labels}}{{/alerts}}", "instance=web-1:9100;"),
        ("{{#alerts}}\n- {{relay.name}}\n{{/alerts}}\nend", "- HighCPUUsage\nend"),
        ("{{#alerts}}{{relay.severity}} {{relay.duration}}{{/alerts}}", "CRITICAL 10 m"),
        ("{{relay.headline}}", "🔴 CRITICAL firing for 10 m: HighCPUUsage on `web-1:9100` - CPU above 90 %"),
        ("{{#relay.omitted}}{{.}} more{{/relay.omitted}}{{#truncatedAlerts}}x{{/truncatedAlerts}}all", "all"),
    ])
    func templateGivesText(source: String, expected: String) throws {
        let (text, failures) = try text(source)
        #expect(text == expected && failures.isEmpty)
    }

    @Test(arguments: [
        ("{{#alerts}}x", 0, "unclosed section \"alerts\""), ("a {{status}} {{", 1, "unclosed tag"),
        ("{{status}}{{/alerts}}", 1, "unopened section \"alerts\""),
        ("{{#alerts}}{{/status}}", 0, "unclosed section \"alerts\""),
        ("{{status}} {{>other}}", 1, "partials, as in {{>other}}, do not exist"),
        ("{{=<% %>=}}", 0, "the delimiters of tags cannot be changed"),
        ("{{sttus}}", 0, "there is no {{sttus}} here"), ("{{labels.team}}", 0, "there is no {{labels.team}} here"),
        ("{{#alerts}}{{ }}{{/alerts}}", 1, "a tag needs a name"),
        ("{{#alerts}}{{/alerts}}{{relay.state}}", 2, "there is no {{relay.state}} here"),
    ])
    func faultIsReportedAtItsTag(source: String, tag: Int, message: String) {
        let error = error(source)
        #expect(error?.tag == tag && error?.message == message)
    }

    @Test func namesDependOnThePlace() {
        #expect(error("{{labels.team}} {{relay.state}} {{status}}", .body) == nil)
        #expect(error("{{relay.headline}}", .title)?.unknownName == "relay.headline")
        #expect(error("{{sttus}}")?.knownNames.contains("status") == true)
    }

    @Test func oversizedTemplatesAreRefused() {
        let size = Template.sizeLimit
        #expect(error(String(repeating: "a", count: size)) == nil)
        #expect(error(String(repeating: "a", count: size + 1))?.message == "is larger than 16384 bytes")
        #expect(error("a\u{1}b")?.message == "has a control character")
        let depth = Template.depthLimit
        func nested(_ count: Int, _ kind: String) -> String {
            String(repeating: "{{\(kind)alerts}}", count: count) + String(repeating: "{{/alerts}}", count: count)
        }
        for kind in ["#", "^"] {
            #expect(error(nested(depth, kind)) == nil)
            #expect(error(nested(depth + 1, kind))?.tag == depth)
        }
        #expect(error(String(repeating: "{{status}}", count: 1_001))?.tag == 1_000)
    }

    // MARK: Failures

    private static let builtIn = "🔴 CRITICAL firing for 10 m: HighCPUUsage on `web-1:9100` - CPU above 90 %"

    @Test func emptyTextHasBuiltInForm() throws {
        let (text, failures) = try text("{{^relay.isFiring}}over{{/relay.isFiring}}\n")
        #expect(text == Self.builtIn && failures == [TemplateFailure(.text, .empty)])
    }

    @Test func longTextHasBuiltInForm() throws {
        let (text, failures) = try text(String(repeating: "word ", count: 900) + "{{status}}")
        #expect(text == Self.builtIn && failures == [TemplateFailure(.text, .tooLong)])
    }

    /// Nested lists of a large group, with much text in them and without any lookup.
    @Test(arguments: [
        "{{#alerts}}{{#alerts}}{{#alerts}}{{#alerts}}x{{/alerts}}{{/alerts}}{{/alerts}}{{/alerts}}",
        "{{#alerts}}{{#alerts}}{{#alerts}}{{labels.instance}}{{/alerts}}{{/alerts}}{{/alerts}}",
        "{{#alerts}}{{#alerts}}" + String(repeating: "long text ", count: 1_500) + "{{/alerts}}{{/alerts}}",
    ])
    func endlessTemplatesHaveBuiltInForm(source: String) throws {
        let alerts = (0..<600).map { Alert.numbered($0) }
        let clock = ContinuousClock()
        let start = clock.now
        let (text, failures) = try text(source, alerts)
        #expect(failures.first?.part == .text && failures.count == 1)
        #expect(text.hasPrefix("🔴 CRITICAL 600 firing"))
        #expect(clock.now - start < .seconds(20))
    }

    @Test func valueOfAnySizeIsCut() throws {
        let long = String(repeating: "word ", count: 100_000)
        let alert = Alert.make(annotations: ["summary": long, "description": long])
        let templates = try MessageTemplates.make(
            text: "{{#alerts}}{{annotations.summary}}{{/alerts}}", title: "{{annotations.summary}}",
            body: "{{annotations.summary}}", fields: [("{{annotations.summary}}", "{{annotations.summary}}")])
        let (message, failures) = MessageComposer.templated(.make(alerts: [alert]), templates)
        #expect(failures.isEmpty && message.text.hasSuffix("…") && message.text.count == 500)
        let card = try #require(message.attachments.first)
        #expect(card.title.count <= 160 && card.text.count <= 1_500 && card.text.hasSuffix("…"))
        #expect(card.fields.allSatisfy { $0.title.count <= 80 && $0.value.count <= 500 })
    }

    @Test func oversizedCardHasBuiltInForm() throws {
        let templates = try MessageTemplates.make(
            fields: (0..<30).map { ("\($0)", String(repeating: "x", count: 1_900)) })
        var settings = RenderSettings.templated(templates)
        settings.maxBodyBytes = 20_000
        let (message, failures) = MessageComposer(
            .make(alerts: [.make()]), severity: .critical, settings: settings, now: .start.plus(600)
        ).composed()
        #expect(failures == [TemplateFailure(.body, .tooLong)])
        #expect(message.attachments[0].fields.map(\.title) != ["0"] && message.json().count < 20_000)
    }

    // MARK: Cards

    @Test func cardPartsReplaceBuiltInParts() throws {
        let templates = try MessageTemplates.make(
            title: "{{relay.name}} ({{relay.state}})", body: "{{annotations.summary}}\nsince {{relay.since}}",
            fields: [("Host", "{{labels.instance}}"), ("Team", "{{labels.team}}")], color: "{{labels.shade}}orange")
        let (message, failures) = MessageComposer.templated(.make(alerts: [.make()]), templates)
        let builtIn = Message.composed([.make()])
        #expect(failures.isEmpty && message.text == builtIn.text)
        let card = try #require(message.attachments.first)
        #expect(card.title == "HighCPUUsage (FIRING)" && card.text == "CPU above 90 %\nsince 2026-11-23 17:04 UTC")
        #expect(card.fields == [.init(title: "Host", value: "web-1:9100", isShort: true)])
        #expect(card.color == "#FFA500" && card.titleLink == builtIn.attachments[0].titleLink)
    }

    @Test(arguments: [
        ("#abc", "#AABBCC"), ("#D32f2f", "#D32F2F"), (" Danger ", "#D32F2F"), ("", "#D32F2F"),
    ])
    func colorsAreHexadecimal(source: String, expected: String) throws {
        let (message, failures) = MessageComposer.templated(.make(alerts: [.make()]), try .make(color: source))
        #expect(message.attachments[0].color == expected && failures.isEmpty)
    }

    @Test(arguments: ["#ab", "#12345678", "reddish", "red; background: url(x)", "#١٢٣"])
    func otherColorsAreFailures(source: String) throws {
        let (message, failures) = MessageComposer.templated(.make(alerts: [.make()]), try .make(color: source))
        #expect(message.attachments[0].color == "#D32F2F" && failures == [TemplateFailure(.color, .color)])
    }

    /// A single alert's built-in card leaves out what the built-in text has.
    @Test func builtInCardIsCompleteBelowTemplatedText() throws {
        let (message, _) = MessageComposer.templated(.make(alerts: [.make()]), try .make(text: "Something broke"))
        #expect(message.attachments[0].text.hasPrefix("CPU above 90 %\n"))
        #expect(message.attachments[0].fields.contains { $0.value == "web-1:9100" })
    }

    @Test func noticesFollowTheText() throws {
        let templates = try MessageTemplates.make(text: "{{relay.severity}} {{relay.rerouted}}")
        let banner = MessageBanner(rerouted: "db", replayed: .start)
        let composer = MessageComposer(
            .make(truncatedAlerts: 3, alerts: [.make()]), severity: .critical, settings: .templated(templates),
            now: .start.plus(600), banner: banner)
        let lines = composer.message().text.split(separator: "\n")
        #expect(lines.first == "CRITICAL db" && lines.count == 3)
        #expect(lines[1].contains("rerouted from db") && lines[1].contains("replayed"))
        #expect(lines[2].hasPrefix("+3 more alerts not sent by Alertmanager"))
    }

    @Test func plainFormIsBuiltIn() throws {
        let settings = RenderSettings.templated(try .make(text: "x", title: "y", body: "z"))
        #expect(Message.plain([.make()], settings: settings) == Message.plain([.make()]))
    }

    @Test func foldsUseTemplates() throws {
        let templates = try MessageTemplates.make(
            text: "{{relay.firing}} in {{relay.notifications}} ({{commonLabels.team}}{{groupLabels.alertname}})",
            title: "{{relay.name}}!")
        var digest = Digest(severity: .critical)
        for name in ["A", "B"] {
            var payload = Payload.make(alerts: [.numbered(1, name: name)])
            payload.commonLabels = ["team": "db", "alertname": name]
            payload.groupLabels = ["alertname": name]
            payload.groupKey = name
            digest.add(payload)
        }
        let message = MessageComposer(digest, settings: .templated(templates), now: .start).message()
        #expect(message.text.hasPrefix("2 in 2 (db)\n2 notifications folded into one message"))
        #expect(message.attachments.map(\.title) == ["B!", "A!"])
    }

    @Test func laterTemplatesOverridePartByPart() throws {
        let all = try MessageTemplates.make(text: "all", title: "all", body: "all")
        let severity = try MessageTemplates.make(title: "severity", body: "severity")
        let own = try MessageTemplates.make(body: "own")
        let book = TemplateBook().overridden(by: all, severities: [.critical: severity]).overridden(by: own)
        func parts(_ templates: MessageTemplates) -> [String?] {
            [templates.text?.source, templates.title?.source, templates.body?.source]
        }
        #expect(parts(book[.critical]) == ["all", "severity", "own"] && parts(book[.info]) == ["all", "all", "own"])
        let preview = book.overridden(by: try .make(text: "preview"))
        #expect(parts(preview[.critical]) == ["preview", "severity", "own"])
    }
}
