import Testing

@testable import MockRocketChat

@Suite
struct JSONParserTests {
    @Test(arguments: [
        ("null", JSONValue.null), (" true ", .bool(true)), ("\tfalse\r\n", .bool(false)), ("0", .number("0")),
        ("-1.50e+3", .number("-1.50e+3")), ("\"\"", .string("")), ("[]", .array([])), ("{ }", .object([:])),
        ("[1, \"a\" ,[]]", .array([.number("1"), .string("a"), .array([])])),
        ("{\"b\":1,\"a\":{\"c\":null}}", .object(["b": .number("1"), "a": .object(["c": .null])])),
    ])
    func validDocumentsAreParsed(text: String, value: JSONValue) throws {
        #expect(try json(text) == value)
    }

    @Test(arguments: [
        "", " ", "nul", "tru", "01", "-", "1.", ".5", "1e", "+1", "NaN", "[1,]", "[,1]", "[1 2]", "{\"a\":1,}",
        "{\"a\"}", "{a:1}", "{'a':1}", "\"a", "\"\u{1}\"", "\"\\x\"", "\"\\u12g4\"", "1 2", "{}]", "// x\n1",
        "\u{FEFF}1",
    ])
    func invalidJSONIsRefused(text: String) {
        #expect(throws: JSONError.self) { try json(text) }
    }

    @Test func errorHasItsOffset() {
        #expect(throws: JSONError(offset: 7, reason: "unexpected '}'")) { try json(#"{"a":1}}"#) }
        #expect(throws: JSONError(offset: 5, reason: "unexpected end")) { try json(#"{"a":"#) }
    }

    @Test(arguments: [
        (#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{C}\n\r\t"), (#""\u00e9\u200b""#, "é\u{200B}"),
        (#""\ud83d\udd25""#, "🔥"), (#""\ud83dx""#, "\u{FFFD}x"), (#""\ud83d\u0041""#, "\u{FFFD}A"),
        (#""\udd25""#, "\u{FFFD}"), ("\"é🔥\"", "é🔥"),
    ])
    func escapesAreDecoded(text: String, decoded: String) throws {
        #expect(try json(text) == .string(decoded))
    }

    @Test func invalidUTF8InAStringIsReplaced() throws {
        #expect(try JSONParser.parse([0x22, 0xFF, 0x22]) == .string("\u{FFFD}"))
    }

    @Test func sliceIsParsedFromItsStart() throws {
        #expect(try JSONParser.parse(Array("xx[1]".utf8).dropFirst(2)) == .array([.number("1")]))
    }

    @Test func deepNestingIsRefused() {
        let depth = JSONParser.depthLimit
        #expect(throws: Never.self) {
            try json(String(repeating: "[", count: depth) + String(repeating: "]", count: depth))
        }
        #expect(throws: JSONError.self) { try json(String(repeating: "[", count: 100_000)) }
    }

    @Test func lastMemberOfANameCounts() throws {
        #expect(try json(#"{"a":1,"a":2}"#)["a"] == .number("2"))
    }

    @Test(arguments: [
        #"{"a":[1.0,-0,1e400,"é🔥\u200b"],"b":{},"c":[],"d":null,"e":true,"f":false}"#, #""\"\\\n\u0001""#,
    ])
    func writtenValuesAreParsedBack(text: String) throws {
        let value = try json(text)
        #expect(try JSONParser.parse(value.bytes) == value)
    }

    @Test(arguments: [
        ("null", false), ("0", false), ("-0.0", false), ("\"\"", false), ("false", false), ("\"0\"", true), ("1", true),
        ("[]", true), ("{}", true), ("true", true),
    ])
    func truthinessIsJavaScripts(text: String, isTruthy: Bool) throws {
        #expect(try json(text).isTruthy == isTruthy)
    }
}
