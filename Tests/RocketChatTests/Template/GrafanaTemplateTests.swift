import ChatMarkup
import TestSupport
import Testing

@testable import Alerts
@testable import Posting
@testable import RocketChat

/// The names of Grafana's fields in templates, with Grafana's documented body.
@Suite struct GrafanaTemplateTests {
    private func payload() throws -> Payload {
        try WebhookParser().decode(WebhookFixture.body("grafana-documented"))
    }

    private func text(_ source: String, _ payload: Payload) throws -> String {
        let (message, failures) = MessageComposer.templated(payload, try .make(text: source))
        #expect(failures.isEmpty)
        return message.text
    }

    @Test(arguments: [
        ("{{title}} is {{state}} in {{orgId}}", "`[FIRING:2]` (blue) is alerting in 1"),
        ("{{#title}}{{.}}{{/title}}{{^title}}none{{/title}}", "`[FIRING:2]` (blue)"),
        ("{{{message}}}", "**Firing**\n\nLabels:\n - alertname = High memory usage"),
        ("{{#alerts}}{{relay.name}} {{orgId}};{{/alerts}}", "High CPU usage (no data) 1;High memory usage 1;"),
        (
            "{{#alerts}}{{{valueString}}};{{/alerts}}",
            "[ var='B' labels={zone=eu-1} value=47.1 ];"
                + "[ var='B' labels={zone=us-1} value=44.23943737541908 ], [ var='C' labels={zone=us-1} value=1 ];"
        ),
    ])
    func fieldsHaveNames(source: String, expected: String) throws {
        let text = try text(source, payload())
        #expect(text == expected)
    }

    @Test func cardsHaveTheNames() throws {
        let templates = try MessageTemplates.make(
            title: "{{state}}: {{title}}", body: "{{message}}", fields: [("Organization {{orgId}}", "{{valueString}}")])
        let (message, failures) = MessageComposer.templated(try payload(), templates)
        #expect(failures.isEmpty && message.attachments.count == 2)
        for card in message.attachments {
            #expect(card.title == "alerting: [FIRING:2] (blue)" && card.text.contains("High memory usage"))
            #expect(LiveConstructs.find(in: card.text, reader: .attachment).isEmpty, "the message's ** is escaped")
            let field = try #require(card.fields.first)
            #expect(field.title == "Organization 1" && field.value.contains("value=4"))
        }
    }

    @Test func alertmanagerHasNone() throws {
        let source = ["title", "message", "state", "orgId"].map { "{{^\($0)}}no \($0) {{/\($0)}}{{\($0)}}" }.joined()
        #expect(try text(source, .make(alerts: [.make()])) == "no title no message no state no orgId")
        let values = "{{#alerts}}{{^valueString}}none{{/valueString}}{{valueString}}{{/alerts}}"
        #expect(try text(values, .make(alerts: [.make()])) == "none")
    }

    @Test(arguments: HostileCorpus.values.filter { $0.utf8.count < 3_000 })
    func valuesAreEscaped(value: String) throws {
        var payload = try payload()
        (payload.grafana.title, payload.grafana.message, payload.grafana.state) = (value, value, value)
        payload.alerts[0].grafana?.valueString = value
        payload.alerts.removeLast()
        let source = "x {{title}}, {{message}}; {{state}} {{#alerts}}{{valueString}}{{/alerts}}."
        let (message, failures) = MessageComposer.templated(payload, try .make(text: source))
        #expect(failures.allSatisfy { $0.reason == .empty || $0.reason == .tooLong })
        #expect(LiveConstructs.find(in: message.text, reader: .messageParser).isEmpty, "\(message.text.prefix(200))")
    }

    @Test func digestHasWhatItsNotificationsShare() throws {
        let templates = try MessageTemplates.make(
            text: "{{relay.notifications}}: {{title}}, {{message}}, {{state}}, {{orgId}}.")
        func text(_ changes: [(inout GrafanaEnvelope) -> Void]) throws -> Substring? {
            var digest = Digest(severity: .critical)
            for change in changes {
                var payload = try payload()
                (payload.grafana.title, payload.grafana.message) = ("t", "m")
                change(&payload.grafana)
                digest.add(payload)
            }
            return MessageComposer(digest, settings: .templated(templates), now: .start).message().text
                .split(separator: "\n").first
        }
        let cases: [([(inout GrafanaEnvelope) -> Void], Substring)] = [
            ([{ _ in }, { _ in }], "2: t, m, alerting, 1."),
            ([{ _ in }, { $0.title = "other" }, { _ in }], "3: , m, alerting, 1."),
            ([{ _ in }, { $0.state = "ok" }, { $0.orgID = 2 }], "3: t, m, , ."),
            ([{ _ in }, { $0.message = "" }], "2: t, , alerting, 1."),
            ([{ _ in }, { $0 = GrafanaEnvelope() }, { _ in }], "3: , , , ."),
        ]
        for (changes, expected) in cases {
            let text = try text(changes)
            #expect(text == expected)
        }
    }

    @Test func builtInFormHasNoneOfThem() throws {
        var bare = try payload()
        bare.grafana = GrafanaEnvelope()
        for index in bare.alerts.indices { bare.alerts[index].grafana?.valueString = "" }
        func json(_ payload: Payload) -> [UInt8] {
            let settings = RenderSettings()
            let composer = MessageComposer(payload, severity: .critical, settings: settings, now: .start)
            return Array(composer.message().json())
        }
        #expect(try json(payload()) == json(bare))
    }

    @Test(arguments: ["{{title}}", "{{message}}", "{{state}}", "{{orgId}}", "{{#alerts}}{{valueString}}{{/alerts}}"])
    func sampleOfGrafanaHasThem(source: String) throws {
        #expect(try MessageTemplates.make(text: source).faults(settings: RenderSettings()).isEmpty)
    }
}
