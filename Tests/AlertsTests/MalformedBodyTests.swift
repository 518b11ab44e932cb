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

    @Test(arguments: notJSON + notTheContract)
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
        Case("version 3", webhookBody(version: #""3""#), .wrongVersion, #"version: expected "4" or "1", found "3""#),
        Case("version empty", webhookBody(version: #""""#), .wrongVersion, #"expected "4" or "1", found """#),
        Case(
            "version as a number", webhookBody(version: "4"), .wrongType,
            #"version: expected the string "4" or "1", found a number"#),
        Case("no alerts", webhookBody(alerts: nil), .missingField, "alerts: missing, expected an array"),
        Case("alerts object", webhookBody(alerts: "{}"), .wrongType, "alerts: expected an array, found an object"),
        Case("alerts string", webhookBody(alerts: #""[]""#), .wrongType, "alerts: expected an array, found a string"),
        Case("wrong version before wrong alerts", webhookBody(version: #""5""#, alerts: "1"), .wrongVersion, "version"),
    ]

    @Test func templatedPayloadIsReported() throws {
        let body = try WebhookFixture.body("28-custom-payload.am0331")
        let error = #expect(throws: ParseError.self) { try parser.parse(body, acceptedAt: .now()) }
        #expect(error?.reason == .notAWebhook)
        #expect(error?.message.contains("templated `payload:`") == true)
    }

    @Test func parserWorksAfterEachRefusal() throws {
        for malformed in Self.notJSON + Self.notTheContract {
            #expect(throws: ParseError.self) { try parser.parse(malformed.body, acceptedAt: .now()) }
            #expect(try parser.parse(text: webhookBody(alerts: "[\(alertJSON())]")).alerts == 1)
        }
    }
}
