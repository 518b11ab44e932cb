import Foundation
import TestSupport
import Testing

@testable import Alerts
@testable import Posting
@testable import RocketChat
@testable import Support

@Suite struct MessageLimitTests {
    private static let long = String(repeating: "long *text* \u{1F600} ", count: 1_500)

    /// The numbers of the hosts that a message names.
    private func hosts(in message: Message) -> Set<Int> {
        let texts = message.attachments.flatMap { [$0.title, $0.text] + $0.fields.map(\.value) } + [message.text]
        return Set(texts.flatMap { $0.matches(of: /web-(\d+):9100/).compactMap { Int($0.1) } })
    }

    /// The number of alerts that a message counts without naming them.
    private func counted(in message: Message) -> Int {
        let texts = message.attachments.map(\.text).joined(separator: "\n")
        return texts.matches(of: /… and (\d+) more/).compactMap { Int($0.1) }.reduce(0, +)
    }

    @Test(arguments: [6, 50, 60, 200]) func allHostsOfAGroupAreNamed(count: Int) throws {
        let message = Message.composed((0..<count).map { .numbered($0) })
        #expect(message.attachments.count == 2, "one card and one list")
        #expect(hosts(in: message) == Set(0..<count))
        #expect(message.attachments[1].title == "\(count - 1) more firing")
        #expect(message.attachments[1].text.hasPrefix("HighCPUUsage (\(count - 1)): web-1:9100, web-2:9100, "))
        #expect(message.attachments[1].titleLink == "http://alertmanager.example.org:9093/#/alerts")
    }

    @Test func listThatIsTooLongCountsTheRest() {
        let message = Message.composed((0..<2_000).map { .numbered($0) })
        let hosts = hosts(in: message)
        #expect(hosts.count > 200 && hosts.count + counted(in: message) == 2_000)
        #expect(message.attachments.allSatisfy { $0.text.utf16.count <= 4_500 })
    }

    @Test(arguments: [60, 300, 10_000]) func rareAlertIsShownInFull(count: Int) {
        var alerts = (0..<count).map { Alert.numbered($0) }
        alerts.insert(.numbered(count, name: "DiskFull"), at: count / 2)
        let message = Message.composed(alerts)
        #expect(message.attachments.map(\.title).contains("FIRING DiskFull on web-\(count):9100"))
        #expect(message.text.contains("\(count + 1) firing: HighCPUUsage (\(count)), DiskFull in `prod-eu`"))
    }

    @Test func firstOfEachNameIsShownUpToEight() {
        let alerts = (0..<60).map { Alert.numbered($0, name: "Alert\($0 % 12)") }
        let message = Message.composed(alerts)
        #expect(message.attachments.prefix(8).allSatisfy { $0.title.hasPrefix("FIRING Alert") })
        #expect(Set(message.attachments.prefix(8).map { $0.title.split(separator: " ")[1] }).count == 8)
        #expect(message.attachments.map(\.isCollapsed) == [false, false, false, false, false, true, true, true, false])
        #expect(message.attachments[8].title == "52 more firing" && hosts(in: message) == Set(0..<60))
    }

    @Test func alertsWithoutATargetAreNamedByTheirOwnLabels() {
        let alerts = (0..<7).map { Alert.make(labels: ["alertname": "QueueFull", "queue": "q\($0)", "region": "eu"]) }
        let list = Message.composed(alerts).attachments[1]
        #expect(list.text == "QueueFull (6): queue=q1, queue=q2, queue=q3, queue=q4, queue=q5, queue=q6")
    }

    @Test func alertsWithOneTargetAreNamedByWhatDiffers() {
        let alerts = (0..<7).map { number in
            Alert.make(labels: [
                "alertname": "DiskFull1", "instance": "web-1", "job": "node", "mountpoint": "/m\(number)", "team": "x",
            ])
        }
        let list = Message.composed(alerts).attachments[1]
        #expect(list.text.hasPrefix("DiskFull1 (6): web-1 mountpoint=/m1, web-1 mountpoint=/m2, "))
    }

    @Test func spaceOfAListIsUsed() {
        let alerts = (0..<200).map { Alert.numbered($0, name: "N\($0)") }
        let message = Message.composed(alerts)
        #expect(message.attachments.count == 9 && hosts(in: message) == Set(0..<200), "every name has its host")
    }

    @Test func statementsAboutAllAlertsNeedAllAlerts() {
        var payload = Payload.make(alerts: (0..<10).map { .numbered($0) })
        payload.countedAlerts = ["HighCPUUsage": Payload.StatusCounts(firing: 50)]
        let text = MessageComposer(payload, severity: .critical, settings: RenderSettings(), now: .start).message().text
        #expect(text == "🔴 CRITICAL 60 firing: HighCPUUsage (60)")
    }

    @Test func everyNameHasALineBeforeAnyHasAllHosts() {
        let alerts = (0..<3_000).map { Alert.numbered($0, name: $0 < 2_980 ? "HostDown" : "Rare\($0)") }
        let list = Message.composed(alerts).attachments.last { $0.title.hasSuffix("more firing") }
        #expect((2_988..<3_000).allSatisfy { list?.text.contains("Rare\($0) (1): web-\($0):9100") == true })
    }

    @Test func namesWithoutALineAreCounted() throws {
        let alerts = (0..<2_000).map { Alert.numbered($0, name: "Alert\($0)") }
        let message = Message.composed(alerts)
        let rest = try #require(message.attachments.last)
        let lines = message.attachments[8].text.split(separator: "\n").count
        #expect(rest.title == "\(2_000 - 8 - lines) more alerts are only counted" && lines > 100)
        #expect(
            rest.text.contains(" more kinds (") && rest.titleLink == "http://alertmanager.example.org:9093/#/alerts")
    }

    @Test(arguments: [6, 300, 5_000]) func plainTextIsOneMessageThatCountsTheRest(count: Int) throws {
        let alerts = (0..<count).map { Alert.numbered($0, name: $0 < count - 1 ? "HostDown" : "DiskFull") }
        let message = Message.plain(alerts)
        #expect(message.attachments.isEmpty && message.text.utf16.count <= 4_500)
        #expect(message.text.contains("\nDiskFull on `web-\(count - 1):9100` in `prod-eu` - Firing since"))
        #expect(message.text.contains("\n\(count - 2) more firing:\nHostDown (\(count - 2)): `web-"))
    }

    @Test func largeCardsLeaveTheMessageBelowTheBodyLimit() {
        let alerts = (0..<40).map { number in
            var alert = Alert.numbered(number, name: "Alert\(number)")
            alert.annotations = ["summary": "S\(number)", "description": Self.long]
            return alert
        }
        let message = Message.composed(alerts, settings: RenderSettings(maxBodyBytes: 12_000))
        #expect(message.json().count <= 12_000 && hosts(in: message) == Set(0..<40))
    }

    @Test func anAlertLargerThanAMessageIsShortenedAndSaysSo() throws {
        var alert = Alert.make(annotations: ["summary": Self.long, "description": Self.long + "x", "note": Self.long])
        alert.labels.pairs += (0..<200).map { .init(name: "label_\($0)", value: Self.long) }
        for bytes in [4_096, 10_000, 900_000] {
            let message = Message.composed([alert], settings: RenderSettings(maxBodyBytes: bytes))
            #expect(message.json().count <= bytes)
            let text = try #require(message.attachments.first?.text)
            #expect(text.contains("(shortened, full text in Prometheus/Alertmanager)") && text.contains("Firing since"))
            #expect(message.attachments[0].title == "FIRING HighCPUUsage")
        }
    }

    @Test(arguments: [100, 150, 500, 2_000, 5_000])
    func theTextKeepsTheServersLimit(limit: Int) {
        let huge = Alert.make(
            labels: ["alertname": Self.long, "instance": Self.long, "cluster": Self.long, "job": "\u{1F600}"],
            annotations: ["summary": Self.long])
        for alerts in [[huge], [huge, huge], (0..<120).map { .numbered($0) }] {
            let settings = RenderSettings(textLimit: limit)
            for message in [Message.composed(alerts, settings: settings), .plain(alerts, settings: settings)] {
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
        let attachment = Message.composed([alert]).attachments[0]
        #expect(attachment.text.utf16.count <= 4_500 && attachment.text.contains("(shortened"))
    }

    @Test func labelsTooLongForTheSharedLineStayInTheFields() {
        let wide = String(repeating: "w", count: 200)
        let alerts = (0..<2).map { number in
            Alert.make(labels: ["alertname": "X", "instance": "i\(number)", "path": wide, "severity": "critical"])
        }
        let message = Message.composed(alerts)
        #expect(!message.text.contains("have"))
        #expect(message.attachments.allSatisfy { $0.fields.map(\.title) == ["instance", "path"] })
    }
}
