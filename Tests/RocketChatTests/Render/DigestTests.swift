import Testing

@testable import Alerts
@testable import Posting
@testable import RocketChat

@Suite struct DigestTests {
    private let now = Timestamp.start.plus(600)

    private func digest(_ payloads: [Payload]) -> Digest {
        var digest = Digest(severity: .critical)
        for payload in payloads { digest.add(payload) }
        return digest
    }

    private func message(
        _ payloads: [Payload], settings: RenderSettings = RenderSettings(), banner: MessageBanner = MessageBanner()
    ) -> Message {
        MessageComposer(digest(payloads), settings: settings, now: now, banner: banner).message()
    }

    private func plain(_ payloads: [Payload], settings: RenderSettings = RenderSettings()) -> Message {
        MessageComposer(digest(payloads), settings: settings, now: now).plainMessage()
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
        let message = message([
            group(1, [alert(1, .resolved, end: now)]), group(2, [alert(2)]), group(3, [alert(3, name: "DiskFull")]),
        ])
        #expect(
            message.text == """
                🔴 CRITICAL 2 firing: DiskFull, HostDown in `prod-eu`; \
                1 resolved: HostDown on `web-1:9100` in `prod-eu`
                All 3 alerts have cluster = `prod-eu` · job = `node`
                3 notifications folded into one message (3 groups): they came faster than the room accepts messages
                """)
        #expect(
            message.attachments.map(\.title) == [
                "FIRING DiskFull on web-3:9100", "FIRING HostDown on web-2:9100", "RESOLVED HostDown on web-1:9100",
            ])
    }

    @Test func waitingFiringAndItsResolveAreOneLine() throws {
        let message = message([
            group(1, [alert(1)]), group(2, [alert(2)]),
            group(1, [alert(1, .resolved, end: .start.plus(12))]),
        ])
        #expect(
            message.text.hasPrefix("🔴 CRITICAL 1 firing: HostDown on `web-2:9100` in `prod-eu`; 1 flapped: HostDown"))
        #expect(
            message.attachments.map(\.title) == ["FIRING HostDown on web-2:9100", "1 more flapped while this waited"])
        #expect(message.attachments[1].text == "HostDown (1): web-1:9100")
    }

    @Test func repeatsOfTheSameFiringAreOne() {
        let message = message([group(1, [alert(1)]), group(1, [alert(1)]), group(1, [alert(1)])])
        #expect(message.text.hasPrefix("🔴 CRITICAL firing for 10 m: HostDown on `web-1:9100`"))
        #expect(
            message.text.hasSuffix(
                "\n3 notifications folded into one message: they came faster than the room accepts messages"))
        #expect(message.attachments.count == 1)
    }

    @Test func alertThatFiresAgainIsFiring() {
        let payloads = [
            group(1, [alert(1)]), group(1, [alert(1, .resolved, end: .start.plus(12))]),
            group(1, [alert(1, start: .start.plus(60))]),
        ]
        #expect(digest(payloads).entries.values.map(\.state) == [.firing])
        #expect(plain(payloads + [group(2, (2...9).map { alert($0) })]).text.contains("1 flapped before"))
    }

    @Test func theSameAlertInTwoGroupsIsTwo() {
        #expect(digest([group(1, [alert(1)]), group(2, [alert(1)])]).entries.count == 2)
    }

    /// Counts the alerts of a message: the title of a list begins with its number, other attachments count as 1.
    private func countAlerts(_ message: Message) -> Int {
        message.attachments.reduce(0) { $0 + (Int($1.title.prefix { $0.isNumber }) ?? 1) }
    }

    @Test(arguments: [1, 5, 6, 45, 200, 25_000])
    func everyAlertIsShownOrCounted(count: Int) {
        let payloads = (0..<count).map { group($0 / 5, [alert($0, name: "Alert\($0 % 11)")]) }
        #expect(digest(payloads).alerts == count && digest(payloads).notifications == count)
        let message = message(payloads)
        #expect(countAlerts(message) == count)
        #expect(message.text.contains(count == 1 ? " firing for " : " \(count) firing: "))
        #expect(message.text.utf16.count <= 4_500 && message.json().count <= 900_000)
        #expect(message.attachments.allSatisfy { $0.text.utf16.count <= 4_500 && !$0.text.isEmpty })
    }

    @Test func oneGroupAndManyLookAlike() {
        let alerts = (0..<61).map { alert($0, name: "Alert\($0 % 3)") }
        let one = message([group(1, alerts)])
        let many = message(alerts.map { group($0.fingerprint.hashValue, [$0]) })
        #expect(one.attachments.count == many.attachments.count && countAlerts(one) == countAlerts(many))
        let kinds = { (message: Message) in Set(message.attachments.map { $0.title.split(separator: " ")[1] }) }
        #expect(kinds(one) == kinds(many))
    }

    @Test func firstOfEachNameIsKeptInFull() {
        var payloads = [group(0, [alert(0, name: "Rare")])]
        payloads += (1...1_000).map { group($0, [alert($0)]) }
        let digest = digest(payloads)
        #expect(digest.details.values.contains { $0.alert.displayName == "Rare" } && digest.details.count < 128)
    }

    @Test func alertsWithoutFingerprintsStayApart() {
        let alerts = (0..<3).map { number in
            var alert = alert(number)
            alert.fingerprint = ""
            return alert
        }
        #expect(digest([group(1, alerts)]).entries.count == 3)
    }

    @Test(arguments: [100, 700, 5_000])
    func plainTextKeepsTheLimitAndCountsTheRest(limit: Int) throws {
        let settings = RenderSettings(textLimit: max(limit, 1_000), maxBodyBytes: 20_000)
        let message = plain((0..<300).map { group($0, [alert($0, name: "Alert\($0 % 30)")]) }, settings: settings)
        #expect(message.attachments.isEmpty && message.emoji == nil)
        #expect(message.text.utf16.count <= settings.textBudget)
        let cards = message.text.matches(of: /\ - Firing since/).count
        let lines = message.text.matches(of: /(\d+)(?: more)? firing:\n/).compactMap { Int($0.1) }.reduce(0, +)
        let counted = message.text.matches(of: /(\d+) more alerts are only counted:\s/).compactMap { Int($0.1) }
        #expect(cards + lines + counted.reduce(0, +) == 300)
    }

    @Test func reroutedMessageNamesItsOriginalRoom() {
        let banner = MessageBanner(rerouted: "critical")
        let words = "CRITICAL (rerouted from critical, whose hook does not work) "
        #expect(message([group(1, [alert(1)])], banner: banner).text.contains(words))
    }
}
