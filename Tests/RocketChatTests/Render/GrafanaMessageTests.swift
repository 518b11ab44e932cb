import TestSupport
import Testing

@testable import Alerts
@testable import Posting
@testable import RocketChat

/// The messages for Grafana's documented body.
@Suite struct GrafanaMessageTests {
    private let now = Timestamp(seconds: 1_791_800_000, nanoseconds: 0)

    private func payload() throws -> Payload {
        try WebhookParser().decode(WebhookFixture.body("grafana-documented"))
    }

    private func message(_ payload: Payload) -> Message {
        MessageComposer(payload, severity: .critical, settings: RenderSettings(), now: now).message()
    }

    @Test func linksAreThoseOfGrafana() throws {
        let message = message(try payload())
        let card = try #require(message.attachments.first { $0.title.contains("memory") })
        #expect(card.titleLink == "https://grafana.example.org/alerting/grafana/1afz29v7z/view?orgId=1")
        let line = try #require(card.text.split(separator: "\n").last)
        for link in [
            "[Runbook](https://myrunbook.example.com/runbook/1234)",
            "[Dashboard](https://grafana.example.org/d/servers?from=",
            "[Panel](https://grafana.example.org/d/servers?from=",
            "[Silence](https://grafana.example.org/alerting/silence/new?alertmanager=grafana&matcher=alertname%3DHigh+memory+usage",
        ] { #expect(line.contains(link), "\(line)") }
        #expect(!card.text.contains("/#/"), "Grafana has no pages of Alertmanager")
        #expect(card.imageURL == "https://grafana.example.org/public/img/attachments/cpu.png")
        #expect(
            String(decoding: message.json(), as: UTF8.self).contains(
                #""image_url":"https://grafana.example.org/public"#))
    }

    @Test func valuesAreAField() throws {
        let cards = message(try payload()).attachments
        let memory = try #require(cards.first { $0.title.contains("memory") })
        #expect(memory.fields.first?.title == "Values" && memory.fields.first?.value.contains("B=44.239, C=1") == true)
        let noData = try #require(cards.first { $0.title.contains("CPU") })
        #expect(noData.title == "FIRING High CPU usage (no data)" && noData.imageURL == nil, "not http")
        #expect(noData.fields.first?.value.contains("value=47.1") == true, "valueString without values")
        let plain = MessageComposer(try payload(), severity: .critical, settings: RenderSettings(), now: now)
            .plainMessage()
        #expect(plain.text.contains("B=44.239") && plain.text.contains("High CPU usage (no data)"))
    }

    @Test(arguments: ["javascript:alert(1)", "data:image/png;base64,AAAA", "/img.png", "ftp://g/x.png", ""])
    func onlyHTTPImagesAreShown(url: String) throws {
        var alert = Alert.make()
        alert.grafana = .make(values: nil, url: url)
        let json = String(decoding: Message.composed([alert]).json(), as: UTF8.self)
        #expect(!json.contains("image_url") && !json.contains("Silence"))
    }

    @Test func resolvedAlertHasNoSilenceLink() throws {
        var alert = Alert.make(status: .resolved)
        alert.grafana = .make(values: "A=1", url: "https://g/x")
        let text = Message.composed([alert]).attachments[0].text
        #expect(text.contains("[Panel](https://g/x)") && !text.contains("Silence"))
    }

    @Test func listOfAlertsIsThatOfGrafana() throws {
        var payload = try payload()
        payload.alerts = (0..<20).map { .numbered($0) }
        #expect(message(payload).attachments.last?.titleLink == "https://grafana.example.org/alerting/list")
    }
}
