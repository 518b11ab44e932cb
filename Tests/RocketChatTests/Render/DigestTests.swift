import Testing

@testable import Alerts
@testable import Posting
@testable import RocketChat

@Suite struct DigestTests {
    private let now = Timestamp.start.plus(600)

    private func digest(_ payloads: [Payload], settings: RenderSettings = RenderSettings()) -> DigestRenderer {
        var digest = Digest(severity: .critical)
        for payload in payloads { digest.add(payload) }
        return DigestRenderer(digest, settings: settings)
    }

    /// A payload with its own group for each number.
    private func group(_ number: Int, _ alerts: [Alert]) -> Payload {
        var payload = Payload.make(alerts: alerts)
        payload.groupKey = "{}:{group=\"\(number)\"}"
        return payload
    }

    private func alert(
        _ number: Int, _ status: AlertStatus = .firing, name: String = "HostDown", start: Timestamp = .start,
        end: Timestamp? = nil
    ) -> Alert {
        var alert = Alert.numbered(number, status: status, name: name)
        alert.fingerprint = "\(number)"
        alert.startsAt = start
        alert.endsAt = end
        return alert
    }

    @Test func fewAlertsAreShownInFullWorstFirst() {
        let message = digest([
            group(1, [alert(1, .resolved, end: now)]), group(2, [alert(2)]), group(3, [alert(3, name: "DiskFull")]),
        ]).message(now: now, banner: .init())
        #expect(
            message.text == """
                🔴 CRITICAL 2 firing, 1 resolved in 3 groups: HostDown (2), DiskFull (1)
                3 notifications folded into one message, to keep to the room's limit
                """)
        #expect(
            message.attachments.map(\.title) == [
                "DiskFull on web-3:9100 - firing", "HostDown on web-2:9100 - firing",
                "HostDown on web-1:9100 - resolved",
            ])
    }

    @Test func waitingFiringAndItsResolveAreOneLine() throws {
        let message = digest([
            group(1, [alert(1)]), group(2, [alert(2)]),
            group(1, [alert(1, .resolved, end: .start.plus(12))]),
        ]).message(now: now, banner: .init())
        #expect(message.text.hasPrefix("🔴 CRITICAL 1 firing, 1 flapped in 2 groups: HostDown (2)"))
        #expect(message.attachments.map(\.title) == ["HostDown on web-2:9100 - firing", "1 flapped while this waited"])
        #expect(try #require(message.attachments.last).text.hasSuffix("flapped, 12 s"))
    }

    @Test func repeatsOfTheSameFiringAreOne() {
        let message = digest([group(1, [alert(1)]), group(1, [alert(1)]), group(1, [alert(1)])])
            .message(now: now, banner: .init())
        #expect(message.text.hasPrefix("🔴 CRITICAL 1 firing in 1 group: HostDown (1)\n3 notifications"))
        #expect(message.attachments.count == 1)
    }

    @Test func alertThatFiresAgainIsFiring() {
        let digest = digest([
            group(1, [alert(1)]), group(1, [alert(1, .resolved, end: .start.plus(12))]),
            group(1, [alert(1, start: .start.plus(60))]),
        ])
        #expect(digest.entries.values.map(\.state) == [.firing])
        let text = digest.plainMessage(now: now, banner: .init()).text
        #expect(text.contains("flapped before"))
    }

    @Test func theSameAlertInTwoGroupsIsTwo() {
        #expect(digest([group(1, [alert(1)]), group(2, [alert(1)])]).entries.count == 2)
    }

    /// Counts the alerts of a message: the title of a summary block begins with its number, other blocks count as 1.
    private func countAlerts(_ message: Message) -> Int {
        message.attachments.reduce(0) { $0 + (Int($1.title.prefix { $0.isNumber }) ?? 1) }
    }

    @Test(arguments: [1, 20, 21, 45, 200, 25_000])
    func everyAlertIsShownOrCounted(count: Int) {
        let digest = digest((0..<count).map { group($0 / 5, [alert($0, name: "Alert\($0 % 11)")]) })
        #expect(digest.alerts == count && digest.notifications == count)
        let message = digest.message(now: now, banner: .init())
        #expect(countAlerts(message) == count)
        #expect(message.text.contains(" \(count) firing in "))
        #expect(message.text.utf16.count <= 4_500 && message.json().count <= 900_000)
        #expect(message.attachments.allSatisfy { $0.text.utf16.count <= 4_500 && !$0.text.isEmpty })
    }

    @Test func alertsOfAGroupAreAdjacent() {
        let message = digest((0..<20).map { group($0 % 3, [alert($0)]) }).message(now: now, banner: .init())
        let groups = message.attachments.map { attachment in
            (Int(attachment.title.drop { !$0.isNumber }.prefix { $0.isNumber }) ?? -1) % 3
        }
        let changes = zip(groups, groups.dropFirst()).filter { $0 != $1 }
        #expect(changes.count == 2)
    }

    @Test(arguments: [100, 700, 5_000])
    func plainTextKeepsTheLimitAndCountsTheRest(limit: Int) {
        let settings = RenderSettings(textLimit: max(limit, 1_000), maxBodyBytes: 20_000)
        let digest = digest((0..<300).map { group($0, [alert($0, name: "Alert\($0 % 30)")]) }, settings: settings)
        let message = digest.plainMessage(now: now, banner: .init())
        #expect(message.attachments.isEmpty && message.emoji == nil)
        #expect(message.text.utf16.count <= settings.textBudget)
        let lines = message.text.split(separator: "\n")
        let shown = lines.count { $0.contains(" on web-") }
        #expect(lines.contains { $0.hasPrefix("\(300 - shown) more alerts") })
    }

    @Test func smallerLimitsMakeASmallerMessage() {
        let alerts = (0..<20).map { number in
            var alert = alert(number)
            alert.annotations = ["description": String(repeating: "long text ", count: 300)]
            return alert
        }
        let small = RenderSettings(textLimit: 2_500, maxBodyBytes: 16_384)
        let digest = digest([group(1, alerts)], settings: small)
        let message = digest.message(now: now, banner: .init())
        #expect(message.json().count <= 16_384)
        #expect(countAlerts(message) == 20)
    }

    @Test func reroutedMessageNamesItsOriginalRoom() {
        let banner = MessageBanner(rerouted: "critical")
        let words = "CRITICAL (rerouted from critical, whose hook does not work) "
        #expect(digest([group(1, [alert(1)])]).message(now: now, banner: banner).text.contains(words))
        let single = MessageRenderer(settings: RenderSettings())
            .render(group(1, [alert(1)]), severity: .critical, now: now, banner: banner)
        #expect(single.first?.text.contains(words) == true)
    }
}

extension DigestRenderer {
    fileprivate var entries: [Digest.Key: Digest.Entry] { digest.entries }
    fileprivate var alerts: Int { digest.alerts }
    fileprivate var notifications: Int { digest.notifications }
}
