import TestSupport
import Testing

@testable import Alerts

/// What is decoded of large groups and large alerts.
@Suite struct PayloadDecodingTests {
    private let parser = WebhookParser()

    private func payload(_ alerts: [String]) throws -> Payload {
        try parser.decode(text: webhookBody(alerts: "[\(alerts.joined(separator: ","))]"))
    }

    private func alert(_ number: Int, name: String = "HostDown", status: String = "firing") -> String {
        """
        {"status":"\(status)","labels":{"alertname":"\(name)","instance":"web-\(number)"},"annotations":{},\
        "startsAt":"2026-11-23T17:04:00Z","endsAt":"0001-01-01T00:00:00Z","generatorURL":"","fingerprint":"\(number)"}
        """
    }

    @Test func largeGroupIsDecodedInPartAndCountedInFull() throws {
        var alerts = (0..<10_000).map { alert($0) }
        alerts[9_998] = alert(9_998, name: "DiskFull")
        alerts[9_999] = alert(9_999, status: "resolved")
        let payload = try payload(alerts)
        #expect(payload.alerts.count < 2_048)
        #expect(payload.alerts.contains { $0.displayName == "DiskFull" })
        #expect(payload.alerts.contains { $0.status == .resolved }, "the first of each status")
        #expect(payload.countedAlerts.keys.sorted() == ["HostDown"])
        #expect(payload.alerts.count + payload.countedAlerts.values.reduce(0) { $0 + $1.total } == 10_000)
        #expect(payload.status == .firing)
    }

    @Test func smallGroupIsDecodedWhole() throws {
        let payload = try payload((0..<2_048).map { alert($0) })
        #expect(payload.alerts.count == 2_048 && payload.countedAlerts.isEmpty)
    }

    @Test func manyNamesAreBounded() throws {
        let payload = try payload((0..<20_000).map { alert($0, name: "Alert\($0)") })
        #expect(payload.alerts.count < 2_200)
        #expect(payload.alerts.count + payload.countedAlerts.count == 20_000)
    }

    @Test func firingAlertIsDecodedBeforeResolvedOnes() throws {
        let resolved = (0..<2_100).map { alert($0, name: "R\($0)", status: "resolved") }
        let payload = try payload(resolved + [alert(9_000, name: "RareCritical")])
        #expect(payload.alerts.contains { $0.displayName == "RareCritical" } && payload.mayFire)
    }

    @Test func alertsThatDifferBeyondTheLimitStayApart() throws {
        let pairs = (0..<70).map { "\"a\($0)\":\"v\"" }.joined(separator: ",")
        let alerts = ["a", "b"].map { alertJSON(labels: "{\(pairs),\"zz\":\"\($0)\"}") }
        let decoded = try payload(alerts).alerts
        #expect(decoded[0].labels != decoded[1].labels)
    }

    @Test func labelsBeyondTheLimitAreCountedAndNeededOnesKept() throws {
        let pairs = (0..<200).map { "\"a\($0)\":\"v\"" } + ["\"severity\":\"page\"", "\"instance\":\"web\""]
        let labels = "{\(pairs.joined(separator: ","))}"
        let decoded = try payload([alertJSON(labels: labels)]).alerts[0].labels
        #expect(decoded.pairs.count == 66 && decoded.omitted == 136)
        #expect(decoded["severity"] == "page" && decoded["instance"] == "web")
    }

    @Test func valuesOfAnAlertAreBoundedInBytes() throws {
        let long = String(repeating: "x", count: 8_000)
        let pairs = (0..<60).map { "\"a\($0)\":\"\(long)\"" }
        let decoded = try payload([alertJSON(labels: "{\(pairs.joined(separator: ","))}")]).alerts[0].labels
        #expect(decoded.pairs.count == 9 && decoded.omitted == 51 && !decoded.isCut)
    }
}
