import Foundation
import Testing

@testable import Relay

private let noon = Timestamp(seconds: 1_800_000_000, nanoseconds: 0)

private func parse(_ text: String) throws(ParseError) -> AlertBatch {
    try WebhookParser(severities: SeverityMap()).parse(Array(text.utf8), acceptedAt: noon)
}

/// A body of one alert, whose parts can be replaced.
private func body(
    head: String = #""version":"4","receiver":"r","status":"firing","groupKey":"{}:{}","truncatedAlerts":0"#,
    alert: String = #""status":"firing","labels":{"alertname":"A","severity":"info"},"annotations":{"summary":"s"},"#
        + #""startsAt":"2026-01-30T10:00:00Z","endsAt":"0001-01-01T00:00:00Z","fingerprint":"f""#
) -> String {
    "{\(head),\"alerts\":[{\(alert)}]}"
}

@Suite struct WebhookParserTests {
    @Test(arguments: Fixtures.bodies)
    func capturedBodiesAreReadAsTheirCaptureNoted(name: String) throws {
        let bytes = try Fixtures.body(name)
        let parser = WebhookParser(severities: SeverityMap())
        let batch = try parser.parse(bytes, acceptedAt: noon)
        let payload = try parser.decode(bytes)
        #expect(batch.counts.reduce(0) { $0 + $1.alerts } == payload.alerts.count)
        #expect(payload.alerts.allSatisfy { $0.startsAt != nil })
        #expect(payload.alerts.allSatisfy { ($0.endsAt == nil) == ($0.status == .firing) })
        guard let summary = try Fixtures.summary(name) else { return }
        #expect(payload.alerts.count == summary["alerts"] as? Int)
        #expect(payload.alerts.filter { $0.status == .firing }.count == summary["firing"] as? Int)
        #expect(payload.status.rawValue == summary["status"] as? String)
        #expect(payload.groupKey == summary["groupKey"] as? String)
        #expect(payload.truncatedAlerts == summary["truncatedAlerts"] as? Int)
        #expect(payload.notificationReason == summary["notification_reason"] as? String)
    }

    @Test func aGroupOfSeveralSeveritiesIsSplitAlertByAlert() throws {
        let bytes = try Fixtures.body("14-distinct-severities.am0331.json")
        let parser = WebhookParser(severities: SeverityMap())
        let batch = try parser.parse(bytes, acceptedAt: noon)
        #expect(batch.notifications.map(\.severity) == [.critical, .warning, .info, .fallback])
        let parts = try batch.notifications.map { try parser.decode($0.body) }
        #expect(
            parts.map { $0.alerts.map { $0.labels["instance"] } } == [["n0", "n4"], ["n1"], ["n2", "n3"], ["n5"]])
        let whole = try parser.decode(bytes)
        for part in parts {
            var rejoined = part
            rejoined.alerts = whole.alerts
            #expect(rejoined == whole)
        }
        #expect(parts.flatMap(\.alerts).count == whole.alerts.count)
        #expect(parts.flatMap(\.alerts).allSatisfy(whole.alerts.contains))
    }

    @Test func aGroupOfOneSeverityKeepsItsBytes() throws {
        let bytes = try Fixtures.body("02-group-50.am0331.json")
        let batch = try WebhookParser(severities: SeverityMap()).parse(bytes, acceptedAt: noon)
        #expect(batch.notifications.map(\.body) == [bytes])
    }

    @Test func unknownFieldsSurviveTheSplit() throws {
        let text = """
            {"version":"4","new \\" field":[1,{"deep":null}],"alerts":[{"labels":{"severity":"page"},"extra":1.5},\
            {"labels":{}}]}
            """
        let batch = try parse(text)
        #expect(batch.notifications.count == 2)
        let json = try JSONSerialization.jsonObject(with: Data(batch.notifications[0].body)) as? [String: Any]
        #expect((json?["new \" field"] as? [Any])?.count == 2)
        #expect(((json?["alerts"] as? [[String: Any]])?.first?["extra"] as? Double) == 1.5)
    }

    @Test func anEmptyArrayOfAlertsIsAcceptedAndOwesNothing() throws {
        let batch = try parse(#"{"version":"4","alerts":[]}"#)
        #expect(batch.alerts == 0 && batch.notifications.isEmpty)
    }

    @Test(arguments: [
        ("", ParseError.Reason.invalidJSON, "empty"),
        ("{", .invalidJSON, "not valid JSON"),
        (body() + "x", .invalidJSON, "not valid JSON"),
        ("\u{FEFF}" + body(), .invalidJSON, "byte order mark"),
        (#"{"alerts":NaN}"#, .invalidJSON, "not valid JSON"),
        (#"{"alerts":[],"x":1e400}"#, .invalidJSON, "not valid JSON"),
        (#"{"alerts":[],"x":"\ud800"}"#, .invalidJSON, "not valid JSON"),
        ("{\"alerts\":[],\"x\":\"\u{1}\"}", .invalidJSON, "not valid JSON"),
        (String(repeating: "[", count: 100_000), .invalidJSON, "not valid JSON"),
        (
            #"{"alerts":[],"x":"# + String(repeating: "[", count: 70) + String(repeating: "]", count: 70) + "}",
            .invalidJSON, "deep"
        ),
        ("[]", .wrongShape, "the body: expected an object, found an array"),
        ("42", .wrongShape, "found a number"),
        ("null", .wrongShape, "found null"),
        ("{}", .wrongShape, "alerts: missing"),
        (#"{"alerts":{}}"#, .wrongShape, "alerts: expected an array, found an object"),
        (#"{"alerts":[7]}"#, .wrongShape, "alerts[0]: expected an object, found a number"),
        (#"{"alerts":[{"status":"firing"}]}"#, .wrongShape, "alerts[0].labels: missing"),
        (
            #"{"alerts":[{"labels":{"a":"b"}},{"labels":{"severity":5}}]}"#, .wrongShape,
            "alerts[1].labels.severity: expected a string, found a number"
        ),
        (
            body(alert: #""status":"pending","labels":{}"#), .wrongShape,
            #"alerts[0].status: expected "firing" or "resolved""#
        ),
        (body(head: #""truncatedAlerts":-1"#), .wrongShape, "truncatedAlerts"),
        (body(head: #""version":"3""#), .wrongVersion, "version"),
        (body(head: #""version":4"#), .wrongShape, "version: expected a string, found a number"),
        (body(head: #""receiver":"a","receiver":"b""#), .duplicateKey, "receiver: the key stands twice"),
        (
            #"{"alerts":[{"labels":{"a":"1","b":"2","a":"3"}}]}"#, .duplicateKey,
            "alerts[0].labels.a: the key stands twice"
        ),
        (#"{"alerts":[{"labels":{},"labels":{}}]}"#, .duplicateKey, "alerts[0].labels"),
        (body(alert: #""labels":{},"startsAt":"yesterday""#), .invalidTime, "alerts[0].startsAt"),
        (body(alert: #""labels":{},"endsAt":"2026-13-01T00:00:00Z""#), .invalidTime, "alerts[0].endsAt"),
    ])
    func whatIsNoWebhookIsRefusedWithItsReasonAndPlace(text: String, reason: ParseError.Reason, message: String) {
        let error = #expect(throws: ParseError.self) { try parse(text) }
        #expect(error?.reason == reason)
        #expect(error?.message.contains(message) == true, "\(error?.message ?? "")")
    }

    @Test func bytesThatAreNotUTF8AreRefused() {
        let bytes = Array(#"{"alerts":[],"x":""#.utf8) + [0xC3, 0x28] + Array(#""}"#.utf8)
        #expect(throws: ParseError.self) { try WebhookParser(severities: SeverityMap()).parse(bytes, acceptedAt: noon) }
    }

    @Test func aTemplatedPayloadIsToldFromAWebhook() throws {
        let bytes = try Fixtures.body("28-custom-payload.am0331.json")
        let error = #expect(throws: ParseError.self) {
            try WebhookParser(severities: SeverityMap()).parse(bytes, acceptedAt: noon)
        }
        #expect(error?.message.contains("payload:") == true)
    }

    /// Whatever a sender's bytes: no crash, and what is accepted can be read back.
    @Test func mutatedBodiesAreRefusedOrReadBackWhole() throws {
        var random = SplitMix(state: 7)
        let parser = WebhookParser(severities: SeverityMap())
        for name in Fixtures.bodies.filter({ !$0.hasPrefix("02-") }) {
            let original = try Fixtures.body(name)
            for _ in 0..<150 {
                var bytes = original
                for _ in 0..<Int.random(in: 1...4, using: &random) {
                    let index = Int.random(in: 0..<bytes.count, using: &random)
                    switch Int.random(in: 0..<3, using: &random) {
                    case 0: bytes[index] = UInt8.random(in: 0...255, using: &random)
                    case 1: bytes.remove(at: index)
                    default: bytes.insert(UInt8(ascii: "\"[]{},:0".randomScalar(using: &random)), at: index)
                    }
                }
                guard let batch = try? parser.parse(bytes, acceptedAt: noon) else { continue }
                let decoded = try batch.notifications.map { try parser.decode($0.body).alerts.count }
                #expect(decoded.reduce(0, +) == batch.alerts)
            }
        }
    }
}

@Suite struct DedupeKeyTests {
    private func key(_ text: String) throws -> DedupeKey { try parse(text).dedupeKey }

    @Test func whatTheContentIsNotDoesNotMatter() throws {
        let original = try key(body())
        #expect(try key(body(head: #""status":"firing","groupKey":"{}:{}","receiver":"r""#)) == original)
        #expect(
            try key(
                body(head: #""receiver":"r","status":"firing","groupKey":"{}:{}","externalURL":"http://other","x":1"#))
                == original)
        #expect(
            try key(
                body(
                    alert: #""labels":{"severity":"info","alertname":"A"},"status":"firing","fingerprint":"f","#
                        + #""annotations":{"summary":"s"},"startsAt":"2026-01-30T10:00:00Z","endsAt":"2027-01-01T00:00:00Z""#
                ))
                == original)
    }

    @Test(arguments: [
        body().replacing(#""receiver":"r""#, with: #""receiver":"q""#),
        body().replacing("{}:{}", with: "{}:{x}"),
        body().replacing(#""truncatedAlerts":0"#, with: #""truncatedAlerts":1"#),
        body().replacing(#""alertname":"A""#, with: #""alertname":"B""#),
        body().replacing(#""summary":"s""#, with: #""summary":"t""#),
        body().replacing("10:00:00Z", with: "10:00:01Z"),
        body().replacing(#"{"status":"firing""#, with: #"{"status":"resolved""#),
    ])
    func anyChangeOfTheContentChangesIt(changed: String) throws {
        #expect(try key(changed) != key(body()))
    }

    @Test func lengthsKeepNeighboursApart() throws {
        let one = #"{"alerts":[{"labels":{"ab":"c"}}]}"#
        let other = #"{"alerts":[{"labels":{"a":"bc"}}]}"#
        #expect(try key(one) != key(other))
    }

    @Test func theOrderOfAlertsDoesNotMatter() throws {
        let a = #"{"fingerprint":"a","labels":{"x":"1"}}"#
        let b = #"{"fingerprint":"b","labels":{"x":"2"}}"#
        #expect(try key(#"{"alerts":[\#(a),\#(b)]}"#) == key(#"{"alerts":[\#(b),\#(a)]}"#))
    }

    @Test func theGroupIsReceiverAndGroupKeyTogether() throws {
        let first = try parse(body()).notifications[0].group
        #expect(try parse(body(alert: #""labels":{"y":"z"}"#)).notifications[0].group == first)
        #expect(
            try parse(body().replacing(#""receiver":"r""#, with: #""receiver":"q""#)).notifications[0].group != first)
    }
}

@Suite struct SeverityMapTests {
    @Test(arguments: [
        ("critical", Severity.critical), ("Critical", .critical), ("page", .critical), ("P1", .critical),
        ("Warning", .warning), ("error", .warning), (" high ", .warning), ("none", .info), ("notify", .info),
        ("task", .fallback), ("", .fallback), ("critical!", .fallback),
    ])
    func wordsOfTheFieldMeanTheirTier(word: String, severity: Severity) {
        #expect(SeverityMap().severity(of: word) == severity)
    }

    @Test func aMissingLabelMeansTheFallback() {
        #expect(SeverityMap().severity(of: nil) == .fallback)
    }
}

/// A small fixed-seed generator: a failing run can be repeated.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

extension String {
    fileprivate func randomScalar(using random: inout SplitMix) -> Unicode.Scalar {
        unicodeScalars.randomElement(using: &random) ?? "x"
    }
}
