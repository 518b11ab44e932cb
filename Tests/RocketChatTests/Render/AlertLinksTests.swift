import Foundation
import Testing

@testable import Alerts
@testable import Posting
@testable import RocketChat
@testable import Support

@Suite struct AlertLinksTests {
    @Test func theFormIsFilledWithTheAlertsLabels() {
        let url = AlertmanagerPage.newSilence.url(
            base: "http://am.example:9093/path/", labels: ["alertname": "X", "instance": "a:1"], limit: 500)?.string
        #expect(
            url == "http://am.example:9093/path/#/silences/new?filter="
                + "%7Balertname%3D%22X%22%2Cinstance%3D%22a%3A1%22%7D")
    }

    @Test(arguments: ["a\"b", "a\\b", "x\ny", "}", "a,b=\"c\"", "100%", "\u{1F600}", "&filter=x", "#", "a+b"])
    func alertmanagerReadsBackEveryValue(value: String) throws {
        let url = try #require(
            AlertmanagerPage.newSilence.url(base: "https://am", labels: ["name": value], limit: 500)?.string)
        let encoded = try #require(url.components(separatedBy: "?filter=").last)
        #expect(encoded.wholeMatch(of: /[A-Za-z0-9\-._%]+/) != nil)
        let filter = try #require(encoded.removingPercentEncoding)
        #expect(filter.hasPrefix("{name=") && filter.hasSuffix("}"))
        let json = Data("[\(filter.dropFirst(6).dropLast())]".utf8)
        #expect(try JSONDecoder().decode([String].self, from: json) == [value])
    }

    @Test(arguments: ["", "javascript:alert(1)", "am.example:9093"])
    func thereIsNoFormWithoutAnAddress(base: String) {
        #expect(AlertmanagerPage.newSilence.url(base: base, labels: ["alertname": "X"], limit: 500)?.string == nil)
    }

    @Test func thereIsNoFormThatWouldSilenceMoreThanTheAlert() {
        #expect(
            AlertmanagerPage.newSilence.url(base: "https://am", labels: ["alertname": "X", "a b": "c"], limit: 500)?
                .string == nil)
        #expect(AlertmanagerPage.newSilence.url(base: "https://am", labels: [:], limit: 500)?.string == nil)
        let long = Labels(pairs: [.init(name: "a", value: String(repeating: "x", count: 500))])
        #expect(AlertmanagerPage.newSilence.url(base: "https://am", labels: long, limit: 500)?.string == nil)
    }

    @Test func queryAndFragmentOfTheAddressAreRemoved() {
        let url = AlertmanagerPage.newSilence.url(base: "https://am/x?y=z#/alerts", labels: ["a": "b"], limit: 500)?
            .string
        #expect(url == "https://am/x/#/silences/new?filter=%7Ba%3D%22b%22%7D")
    }

    @Test func alertsOfAnAlertAreListed() {
        let url = AlertmanagerPage.alerts.url(base: "http://am:9093", labels: ["alertname": "X"], limit: 500)
        #expect(url?.string == "http://am:9093/#/alerts?filter=%7Balertname%3D%22X%22%7D")
        #expect(AlertLinks.alertsPage(of: "http://am:9093/") == "http://am:9093/#/alerts")
        #expect(AlertLinks.alertsPage(of: "am") == nil)
    }

    @Test func addressesInBracketsAreButtons() throws {
        let alert = Alert.make(
            annotations: ["summary": "S", "runbook_url": "https://r/x"], generatorURL: "http://[2001:db8::1]:9090/graph"
        )
        var links = AlertLinks(alert: alert, externalURL: "http://[::1]:9093", limit: 2_000, hasSource: true)
        #expect(links.line(limit: 500) == "[Runbook](https://r/x)")
        #expect(links.buttons.map(\.text) == ["Alert", "Silence"])
        #expect(links.buttons.allSatisfy { $0.url.hasPrefix("http://[::1]:9093/#/") })
        let attachment = Message.composed([alert]).attachments[0]
        #expect(attachment.titleLink == "http://[2001:db8::1]:9090/graph")
    }
}
