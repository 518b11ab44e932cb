import Foundation
import TestSupport
import Testing

@testable import Alerts

@Suite struct SplitTests {
    let parser = WebhookParser()

    @Test(arguments: ["14-distinct-severities.am0250", "14-distinct-severities.am0331"])
    func aGroupIsSplitPerAlert(name: String) throws {
        let fixture = WebhookFixture.named(name)
        let whole = try parser.decode(fixture.body)
        let batch = try parser.parse(fixture.body, acceptedAt: .now())
        #expect(batch.notifications.map(\.severity) == Severity.allCases)
        var recombined: [Alert] = []
        for notification in batch.notifications {
            let part = try parser.decode(notification.body)
            #expect(
                part.alerts
                    == whole.alerts.filter {
                        SeverityMap().severity(of: $0.labels["severity"]) == notification.severity
                    })
            #expect(notification.group == batch.notifications[0].group)
            recombined += part.alerts
        }
        #expect(recombined.count == whole.alerts.count)
        #expect(Set(recombined.map(\.fingerprint)) == Set(whole.alerts.map(\.fingerprint)))
        #expect(whole.alerts.allSatisfy(recombined.contains))
    }

    @Test(arguments: WebhookFixture.all)
    func everyPartKeepsAllFieldsButAlerts(fixture: WebhookFixture) throws {
        let whole = try topLevel(fixture.body)
        for notification in try parser.parse(fixture.body, acceptedAt: .now()).notifications {
            let part = try topLevel(notification.body)
            part["alerts"] = whole["alerts"]
            #expect(part == whole)
        }
    }

    private func topLevel(_ body: [UInt8]) throws -> NSMutableDictionary {
        let json = try JSONSerialization.jsonObject(with: Data(body), options: .mutableContainers)
        return NSMutableDictionary(dictionary: try #require(json as? [String: Any]))
    }

    @Test func bodyOfOneSeverityIsNotCopied() throws {
        var body = try WebhookFixture.body("02-group-50.am0331")
        body.reserveCapacity(body.count + 64)
        let address = body.withUnsafeBufferPointer { UInt(bitPattern: $0.baseAddress) }
        let original = Array(body.map { $0 })
        let batch = try parser.parse(consume body, acceptedAt: .now())
        #expect(batch.notifications.count == 1)
        #expect(batch.notifications[0].body == original)
        #expect(batch.notifications[0].body.withUnsafeBufferPointer { UInt(bitPattern: $0.baseAddress) } == address)
    }

    @Test func partsAreCutOutOfTheSendersBytes() throws {
        let critical = #"{ "status":"firing", "x":[1.50,{"]":"}\"\\"}], "labels" : {"severity":"PAGE","{":"["} }"#
        let info = #"{"labels":{"severity":"none"},"status":"resolved"}"#
        let head = #" { "orgId" : 1.0e3 ,"odd":[true,null,{}],"s":"\"]}","version":"4","truncated":false, "#
        let body = head + "\"alerts\" : [\n\(critical) ,\t\(info), \(critical) ]\n, \"after\":[-0.10] } \n"
        let batch = try parser.parse(text: body)
        #expect(batch.notifications.map(\.severity) == [.critical, .info])
        #expect(
            String(decoding: batch.notifications[0].body, as: UTF8.self)
                == head + "\"alerts\" : [\n\(critical),\(critical) ]\n, \"after\":[-0.10] } \n")
        #expect(
            String(decoding: batch.notifications[1].body, as: UTF8.self)
                == head + "\"alerts\" : [\n\(info) ]\n, \"after\":[-0.10] } \n")
        #expect(
            batch.counts == [
                .init(severity: .critical, status: .firing, alerts: 2),
                .init(severity: .info, status: .resolved, alerts: 1),
            ])
    }

    /// The flag matches the part's own body, with and without receivers.
    @Test(arguments: WebhookFixture.all)
    func partWithoutFiringAlertsIsResolved(fixture: WebhookFixture) throws {
        let receiver = ReceiverID(rawValue: 1)
        let matchers = try LabelMatcher.parse(#"instance=~".*[02468]""#)
        let router = AlertRouter([AlertRouter.Entry(receiver: receiver, matchers: matchers, continues: true)])
        for parser in [parser, WebhookParser(router: router)] {
            for notification in try parser.parse(fixture.body, acceptedAt: .now()).notifications {
                let part = try parser.decode(notification.body)
                #expect(notification.isResolved == (part.firing.isEmpty && part.truncatedAlerts == 0))
                #expect(!notification.isReplayed)
            }
        }
    }

    @Test func partsAreResolvedIndependently() throws {
        let critical = alertJSON(status: #""resolved""#)
        let info = alertJSON(labels: #"{"severity":"info"}"#)
        let mixed = webhookBody(alerts: "[\(critical),\(info)]")
        #expect(try parser.parse(text: mixed).notifications.map(\.isResolved) == [true, false])
        // Alerts that `max_alerts` cut off may fire, whatever the group's status is.
        let cut = webhookBody(status: #""resolved""#, alerts: "[\(critical)]", more: [("truncatedAlerts", "1")])
        #expect(try parser.parse(text: cut).notifications.map(\.isResolved) == [false])
    }

    @Test(arguments: ["al\\u0065rts", "alerts"])
    func theAlertsAreFoundUnderAnEscapedName(name: String) throws {
        let alerts = [#"{"labels":{"severity":"p1"}}"#, #"{"labels":{"severity":"p2"}}"#]
        let body = "{\"version\":\"4\",\"a\":1,\"status\":\"firing\",\"\(name)\":[\(alerts.joined(separator: ","))]}"
        let batch = try parser.parse(text: body)
        #expect(try batch.notifications.map { try parser.decode($0.body).alerts.count } == [1, 1])
    }
}
