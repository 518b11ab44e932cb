import TestSupport
import Testing

@testable import Alerts

@Suite struct MalformedBodyTests {
    let parser = WebhookParser()

    struct Case: CustomTestStringConvertible, Sendable {
        var testDescription: String
        var body: [UInt8]
        var reason: ParseError.Reason
        var says: String

        init(_ what: String, _ body: String, _ reason: ParseError.Reason, _ says: String) {
            self.init(what, Array(body.utf8), reason, says)
        }

        init(_ what: String, _ body: [UInt8], _ reason: ParseError.Reason, _ says: String) {
            (testDescription, self.body, self.reason, self.says) = (what, body, reason, says)
        }
    }

    @Test(arguments: notJSON + notTheContract + wrongFields)
    func malformedBodyIsRefusedWithReasonAndPosition(malformed: Case) {
        let error = #expect(throws: ParseError.self) { try parser.parse(malformed.body, acceptedAt: .now()) }
        #expect(error?.reason == malformed.reason)
        #expect(error?.message.contains(malformed.says) == true, "\(error?.message ?? "")")
        #expect(error?.message.utf8.allSatisfy { $0 >= 0x20 } == true)
        let again = #expect(throws: ParseError.self) { try parser.decode(malformed.body) }
        #expect(again == error)
    }

    private static func with(_ bytes: [UInt8]) -> [UInt8] {
        Array(#"{"version":"4","alerts":[],"receiver":"a"#.utf8) + bytes + Array(#""}"#.utf8)
    }

    private static func nested(_ levels: Int) -> String {
        let value = String(repeating: "[", count: levels - 1) + "1" + String(repeating: "]", count: levels - 1)
        return webhookBody(more: [("x", value)])
    }

    static let notJSON = [
        Case("empty", "", .empty, "the body is empty"),
        Case("white space", " \n\t ", .empty, "line 2, column 3: the body holds only white space"),
        Case("NUL", "\0", .invalidJSON, "line 1, column 1: expected a value"),
        Case(
            "BOM", "\u{FEFF}" + webhookBody(), .invalidJSON,
            "line 1, column 1: the body begins with a byte order mark"),
        Case("NaN", webhookBody(more: [("x", "NaN")]), .invalidJSON, "NaN, Infinity"),
        Case("Infinity", webhookBody(more: [("x", "Infinity")]), .invalidJSON, "NaN, Infinity"),
        Case("-Infinity", webhookBody(more: [("x", "-Infinity")]), .invalidJSON, "expected a digit"),
        Case(
            "long integer with a leading 0", webhookBody(more: [("x", "012345678901234567890")]), .invalidJSON,
            "a number must not begin with 0"),
        Case(
            "long integer, garbage", webhookBody(more: [("x", "123456789012345678901x")]), .invalidJSON,
            "expected ','"),
        Case("01", webhookBody(more: [("x", "01")]), .invalidJSON, "a number must not begin with 0"),
        Case("1.", webhookBody(more: [("x", "1.")]), .invalidJSON, "expected a digit"),
        Case("trailing garbage", webhookBody() + "x", .invalidJSON, "more text after the end"),
        Case("two bodies", webhookBody() + "\n" + webhookBody(), .invalidJSON, "line 2, column 1: more text"),
        Case("cut", String(webhookBody().dropLast()), .invalidJSON, "expected ',' or '}' in the object"),
        Case(
            "cut in a string", #"{"version":"4"#, .invalidJSON,
            "line 1, column 12: a string without its closing quote"),
        Case("trailing comma", "{\n  \"a\": 1,\n}", .invalidJSON, "line 3, column 1: expected a name in double quotes"),
        Case("single quotes", "{'a':1}", .invalidJSON, "line 1, column 2: expected a name in double quotes"),
        Case("no colon", #"{"a" 1}"#, .invalidJSON, "line 1, column 6: expected ':' after the name"),
        Case("comment", #"{"a":1/*x*/}"#, .invalidJSON, "line 1, column 7: expected ',' or '}'"),
        Case("bare word", "{\"a\":nul}", .invalidJSON, "line 1, column 6"),
        Case("raw newline in a string", with([0x0A]), .invalidJSON, "a control character in a string"),
        Case("unknown escape", with(Array(#"\x"#.utf8)), .invalidJSON, "an unknown escape"),
        Case("short \\u", with(Array(#"\u12"#.utf8)), .invalidJSON, "four hex digits"),
        Case("high surrogate alone", with(Array(#"\ud83d"#.utf8)), .invalidJSON, "half of a surrogate pair"),
        Case(
            "low surrogate alone", with(Array(#"\uDE00"#.utf8)), .invalidJSON,
            "line 1, column 41: half of a surrogate"),
        Case("two high surrogates", with(Array(#"\ud83d\ud83d"#.utf8)), .invalidJSON, "half of a surrogate pair"),
        Case("high surrogate, letter", with(Array(#"\ud83d\u0041"#.utf8)), .invalidJSON, "half of a surrogate pair"),
        Case(
            "low surrogate before a pair", with(Array(#"\udc00\ud83d\ude00"#.utf8)), .invalidJSON, "half of a surrogate"
        ),
        Case("UTF-8 continuation", with([0x80]), .invalidUTF8, "line 1, column 41: invalid UTF-8"),
        Case("UTF-8 overlong", with([0xC0, 0xAF]), .invalidUTF8, "invalid UTF-8"),
        Case("UTF-8 surrogate", with([0xED, 0xA0, 0x80]), .invalidUTF8, "invalid UTF-8"),
        Case("UTF-8 above U+10FFFF", with([0xF4, 0x90, 0x80, 0x80]), .invalidUTF8, "invalid UTF-8"),
        Case("UTF-8 cut", with([0xE2, 0x82]), .invalidUTF8, "invalid UTF-8"),
        Case("Latin-1", with([0xE9]), .invalidUTF8, "invalid UTF-8"),
        Case("UTF-16", [0xFF, 0xFE, 0x7B, 0x00], .invalidJSON, "line 1, column 1"),
        Case("gzip", [0x1F, 0x8B, 0x08, 0x00], .invalidJSON, "line 1, column 1"),
        Case("65 levels", nested(65), .tooDeep, "nested deeper than 64 levels"),
        Case("100,000 levels", nested(100_000), .tooDeep, "nested deeper than 64 levels"),
        Case("only brackets", String(repeating: "[", count: 100_000), .tooDeep, "column 65: nested deeper"),
    ]

    static let notTheContract = [
        Case("array", "[]", .notAnObject, "not an object"),
        Case("string", #""hello""#, .notAnObject, "not an object"),
        Case("number", "4", .notAnObject, "not an object"),
        Case("null", "null", .notAnObject, "not an object"),
        Case("empty object", "{}", .notAWebhook, "templated `payload:`"),
        Case("form", "payload=%7B%7D", .invalidJSON, "line 1, column 1: expected a value"),
        Case("no version", webhookBody(version: nil), .wrongVersion, #"version: missing, expected "4""#),
        Case("version null", webhookBody(version: "null"), .wrongVersion, "version: missing"),
        Case("version 3", webhookBody(version: #""3""#), .wrongVersion, #"version: expected "4", found "3""#),
        Case(
            "version as a number", webhookBody(version: "4"), .wrongType,
            #"version: expected the string "4", found a number"#),
        Case("no alerts", webhookBody(alerts: nil), .missingField, "alerts: missing, expected an array"),
        Case("alerts null", webhookBody(alerts: "null"), .missingField, "alerts: missing, expected an array"),
        Case("alerts object", webhookBody(alerts: "{}"), .wrongType, "alerts: expected an array, found an object"),
        Case("wrong version before wrong alerts", webhookBody(version: #""5""#, alerts: "1"), .wrongVersion, "version"),
    ]

    private static func alert(_ alert: String) -> String { webhookBody(alerts: "[\(alertJSON()),\(alert)]") }

    static let wrongFields = [
        Case("alert null", alert("null"), .wrongType, "alerts[1]: expected an object, found null"),
        Case("alert string", alert(#""x""#), .wrongType, "alerts[1]: expected an object, found a string"),
        Case(
            "label number", alert(alertJSON(labels: #"{"severity":1}"#)), .wrongType,
            "alerts[1].labels.severity: expected a string, found a number"),
        Case(
            "label null", alert(alertJSON(labels: #"{"a b\"":null}"#)), .wrongType,
            #"alerts[1].labels["a b\""]: expected a string, found null"#),
        Case(
            "annotation object", alert(alertJSON(annotations: #"{"x":{}}"#)), .wrongType,
            "alerts[1].annotations.x: expected a string, found an object"),
        Case(
            "labels array", alert(alertJSON(labels: "[]")), .wrongType,
            "alerts[1].labels: expected an object, found an array"),
        Case(
            "status number", alert(alertJSON(status: "true")), .wrongType,
            "alerts[1].status: expected a string, found true or false"),
        Case(
            "status word", alert(alertJSON(status: #""Firing""#)), .wrongValue,
            #"alerts[1].status: expected "firing" or "resolved", found "Firing""#),
        Case(
            "group status word", webhookBody(status: #""ok\u0007""#), .wrongValue,
            #"status: expected "firing" or "resolved", found "ok?""#),
        Case(
            "no status at all", webhookBody(status: nil, alerts: "[\(alertJSON(status: nil))]"), .missingField,
            "alerts[0].status: missing, and so is the payload's"),
        Case("startsAt number", alert(alertJSON(startsAt: "5")), .wrongType, "alerts[1].startsAt: expected a string"),
        Case(
            "startsAt word", alert(alertJSON(startsAt: #""now\n""#)), .wrongValue,
            #"alerts[1].startsAt: expected an RFC 3339 time, found "now\n""#),
        Case(
            "endsAt empty", alert(alertJSON(endsAt: #""""#)), .wrongValue,
            #"alerts[1].endsAt: expected an RFC 3339 time, found """#),
        Case(
            "fingerprint", alert(alertJSON(fingerprint: "[]")), .wrongType,
            "alerts[1].fingerprint: expected a string, found an array"),
        Case("receiver", webhookBody(receiver: "7"), .wrongType, "receiver: expected a string, found a number"),
        Case("groupKey", webhookBody(groupKey: "{}"), .wrongType, "groupKey: expected a string, found an object"),
        Case("externalURL", webhookBody(more: [("externalURL", "1")]), .wrongType, "externalURL: expected a string"),
        Case(
            "reason", webhookBody(more: [("notification_reason", "[]")]), .wrongType,
            "notification_reason: expected a string"),
        Case(
            "common", webhookBody(more: [("commonLabels", #"{"a":1}"#)]), .wrongType,
            "commonLabels.a: expected a string"),
        Case(
            "truncated string", webhookBody(more: [("truncatedAlerts", #""1""#)]), .wrongType,
            "expected a whole number, found a string"),
        Case(
            "truncated fraction", webhookBody(more: [("truncatedAlerts", "1.5")]), .wrongValue,
            "truncatedAlerts: expected a whole number of 0"),
        Case(
            "truncated negative", webhookBody(more: [("truncatedAlerts", "-1")]), .wrongValue,
            "expected a whole number of 0"),
        Case(
            "truncated huge", webhookBody(more: [("truncatedAlerts", "18446744073709551615")]), .wrongValue,
            "whole number"),
        Case(
            "truncated beyond 64 bits", webhookBody(more: [("truncatedAlerts", "18446744073709552000")]), .wrongValue,
            "truncatedAlerts: expected a whole number of 0"),
        Case("alerts twice", webhookBody(more: [("alerts", "[]")]), .duplicateName, "alerts: given twice"),
        Case(
            "null, then alerts", webhookBody(alerts: "null", more: [("alerts", "[]")]), .duplicateName,
            "alerts: given twice"),
        Case(
            "escaped twin", webhookBody(more: [("st\\u0061tus", #""firing""#)]), .duplicateName, "status: given twice"),
        Case(
            "alert field twice", alert(#"{"status":"firing","status":"resolved"}"#), .duplicateName,
            "alerts[1].status: given twice"),
        Case(
            "label twice", alert(alertJSON(labels: #"{"a":"1","a":"1"}"#)), .duplicateName,
            "alerts[1].labels.a: given twice"),
        Case(
            "label twice, apart", alert(alertJSON(labels: #"{"b":"1","a":"1","c":"1","b":"2"}"#)), .duplicateName,
            "alerts[1].labels.b: given twice"),
        Case(
            "long name", alert(alertJSON(labels: "{\"\(String(repeating: "é", count: 100))\":1}")), .wrongType,
            "alerts[1].labels[\"\(String(repeating: "é", count: 32))…\"]: expected"),
    ]

    @Test func templatedPayloadIsReported() throws {
        let body = try WebhookFixture.body("28-custom-payload.am0331")
        let error = #expect(throws: ParseError.self) { try parser.parse(body, acceptedAt: .now()) }
        #expect(error?.reason == .notAWebhook)
        #expect(error?.message.contains("templated `payload:`") == true)
    }

    @Test func parserWorksAfterEachRefusal() throws {
        for malformed in Self.notJSON + Self.notTheContract + Self.wrongFields {
            #expect(throws: ParseError.self) { try parser.parse(malformed.body, acceptedAt: .now()) }
            #expect(try parser.parse(text: webhookBody(alerts: "[\(alertJSON())]")).alerts == 1)
        }
    }
}
