import Foundation
import TestSupport
import Testing

@testable import Alerts
@testable import RocketChat

@Suite struct MessageSplitTests {
    private static let long = String(repeating: "long *text* \u{1F600} ", count: 1_500)

    @Test func fiveThousandAlertsAllArriveInNumberedParts() {
        let alerts = (0..<5_000).map { Alert.numbered($0, status: $0 % 2 == 0 ? .resolved : .firing) }
        let settings = RenderSettings(maxMessagesPerNotification: .max)
        let messages = MessageRenderer(settings: settings).render(alerts)
        #expect(messages.count == 100)
        for (index, message) in messages.enumerated() {
            #expect(message.text.contains("(part \(index + 1) of 100)"))
            #expect(message.text.utf16.count <= 4_500 && message.json().count < 900_000)
        }
        let shown = messages.flatMap(\.attachments).compactMap { $0.fields.first?.value }
        let odd = stride(from: 1, to: 5_000, by: 2)
        let even = stride(from: 0, to: 5_000, by: 2)
        #expect(shown == (Array(odd) + Array(even)).map { "web-\($0):9100" })
    }

    @Test func largeGroupHasFewMessagesAndTheRestIsCounted() throws {
        let alerts = (0..<5_000).map { Alert.numbered($0, name: $0 < 4_000 ? "HostDown" : "DiskFull") }
        let messages = MessageRenderer(settings: RenderSettings()).render(alerts)
        #expect(messages.count == 5)
        #expect(messages.dropLast().allSatisfy { $0.attachments.count == 50 })
        let rest = try #require(messages.last?.attachments.first)
        #expect(rest.title == "4800 more alerts are not shown one by one")
        #expect(rest.text == "HostDown: 3800 firing; DiskFull: 1000 firing")
        #expect(rest.titleLink == "http://alertmanager.example.org:9093")
    }

    @Test func plainTextHasNoMoreMessagesThanBlocksAndCountsTheRest() throws {
        let alerts = (0..<5_000).map { Alert.numbered($0, name: $0 < 4_000 ? "HostDown" : "DiskFull") }
        let payload = Payload.make(alerts: alerts)
        let messages = MessageRenderer(settings: RenderSettings()).renderPlain(
            payload, severity: .critical, now: .sample)
        #expect(messages.count == 5)
        #expect(messages.allSatisfy { $0.text.utf16.count <= 4_500 && $0.attachments.isEmpty })
        let rest = try #require(
            messages[4].text.firstMatch(
                of: /(\d+) more alerts are not shown one by one: HostDown: (\d+) firing; DiskFull: 1000 firing/))
        #expect(Int(rest.1) == (Int(rest.2) ?? 0) + 1000)
        let shown = messages.map { $0.text.matches(of: /\n\W*HostDown/).count }.reduce(0, +)
        #expect(shown == 4000 - (Int(rest.2) ?? 0))
    }

    @Test func largeBodiesAreSplitBetweenAlerts() {
        let alerts = (0..<40).map { number in
            var alert = Alert.numbered(number)
            alert.annotations = ["summary": "S", "description": Self.long]
            return alert
        }
        let settings = RenderSettings(maxMessagesPerNotification: .max, maxBodyBytes: 20_000)
        let messages = MessageRenderer(settings: settings).render(alerts)
        #expect(messages.count > 2)
        #expect(messages.allSatisfy { $0.json().count <= 20_000 && !$0.attachments.isEmpty })
        #expect(messages.flatMap(\.attachments).count == 40)
    }

    @Test func anAlertLargerThanAMessageIsShortenedAndSaysSo() throws {
        var alert = Alert.make(annotations: ["summary": Self.long, "description": Self.long + "x", "note": Self.long])
        alert.labels.pairs += (0..<200).map { .init(name: "label_\($0)", value: Self.long) }
        for bytes in [4_096, 10_000, 900_000] {
            let messages = MessageRenderer(settings: RenderSettings(maxBodyBytes: bytes)).render([alert])
            #expect(messages.count == 1 && messages[0].json().count <= bytes)
            let text = try #require(messages[0].attachments.first?.text)
            #expect(text.contains("(shortened, full text in Prometheus/Alertmanager)") && text.contains("Firing since"))
            #expect(messages[0].attachments[0].title.hasPrefix("HighCPUUsage on web-1:9100"))
        }
    }

    @Test(arguments: [100, 150, 500, 2_000, 5_000])
    func theTextKeepsTheServersLimit(limit: Int) {
        let huge = Alert.make(
            labels: ["alertname": Self.long, "instance": Self.long, "cluster": Self.long, "job": "\u{1F600}"],
            annotations: ["summary": Self.long])
        for alerts in [[huge], [huge, huge], (0..<120).map { .numbered($0) }] {
            for message in MessageRenderer(settings: RenderSettings(textLimit: limit)).render(alerts) {
                #expect(message.text.utf16.count <= limit * 9 / 10 && !message.text.isEmpty)
                #expect(LiveConstructs.find(in: message.text, reader: .messageParser).isEmpty)
            }
        }
    }

    @Test func anAttachmentsTextKeepsTheLimitToo() {
        let alert = Alert.make(
            annotations: [
                "summary": Self.long, "description": Self.long + "x", "runbook_url": "https://a/" + Self.long,
            ],
            generatorURL: "https://p/?" + String(repeating: "(", count: 600))
        let attachment = MessageRenderer(settings: RenderSettings()).render([alert])[0].attachments[0]
        #expect(attachment.text.utf16.count <= 4_500 && attachment.text.contains("(shortened"))
    }

    @Test func exactlyTheLimitOfAlertsIsOneMessage() {
        let renderer = MessageRenderer(settings: RenderSettings(maxAlertsPerMessage: 5))
        #expect(renderer.render((0..<5).map { .numbered($0) }).count == 1)
        #expect(renderer.render((0..<6).map { .numbered($0) }).map(\.attachments.count) == [5, 1])
    }

    @Test func labelsTooLongForTheSharedLineStayInTheFields() {
        let wide = String(repeating: "w", count: 200)
        let alerts = (0..<2).map { number in
            Alert.make(labels: ["alertname": "X", "instance": "i\(number)", "path": wide, "severity": "critical"])
        }
        let message = MessageRenderer(settings: RenderSettings()).render(alerts)[0]
        #expect(!message.text.contains("have"))
        #expect(message.attachments.allSatisfy { $0.fields.map(\.title) == ["instance", "path"] })
    }
}
