import Foundation
import Testing

@testable import Alerts
@testable import RocketChat

@Suite struct SilenceFormTests {
    @Test func theFormIsFilledWithTheAlertsLabels() {
        let url = SilenceForm.url(
            base: "http://am.example:9093/path/", labels: ["alertname": "X", "instance": "a:1"], limit: 500)
        #expect(
            url == "http://am.example:9093/path/#/silences/new?filter="
                + "%7Balertname%3D%22X%22%2Cinstance%3D%22a%3A1%22%7D")
    }

    @Test(arguments: ["a\"b", "a\\b", "x\ny", "}", "a,b=\"c\"", "100%", "\u{1F600}", "&filter=x", "#", "a+b"])
    func alertmanagerReadsBackEveryValue(value: String) throws {
        let url = try #require(SilenceForm.url(base: "https://am", labels: ["name": value], limit: 500))
        let encoded = try #require(url.components(separatedBy: "?filter=").last)
        #expect(encoded.wholeMatch(of: /[A-Za-z0-9\-._%]+/) != nil)
        let filter = try #require(encoded.removingPercentEncoding)
        #expect(filter.hasPrefix("{name=") && filter.hasSuffix("}"))
        let json = Data("[\(filter.dropFirst(6).dropLast())]".utf8)
        #expect(try JSONDecoder().decode([String].self, from: json) == [value])
    }

    @Test(arguments: ["", "javascript:alert(1)", "am.example:9093", "HTTP://am"])
    func thereIsNoFormWithoutAnAddress(base: String) {
        #expect(SilenceForm.url(base: base, labels: ["alertname": "X"], limit: 500) == nil)
    }

    @Test func thereIsNoFormThatWouldSilenceMoreThanTheAlert() {
        #expect(SilenceForm.url(base: "https://am", labels: ["alertname": "X", "a b": "c"], limit: 500) == nil)
        #expect(SilenceForm.url(base: "https://am", labels: [:], limit: 500) == nil)
        let long = Labels(pairs: [.init(name: "a", value: String(repeating: "x", count: 500))])
        #expect(SilenceForm.url(base: "https://am", labels: long, limit: 500) == nil)
    }

    @Test func queryAndFragmentOfTheAddressAreRemoved() {
        let url = SilenceForm.url(base: "https://am/x?y=z#/alerts", labels: ["a": "b"], limit: 500)
        #expect(url == "https://am/x/#/silences/new?filter=%7Ba%3D%22b%22%7D")
    }
}
