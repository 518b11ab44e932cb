import Testing

@testable import RocketChat

@Suite struct ResponseJSONTests {
    @Test(arguments: [
        (#"{"success":true}"#, ResponseJSON.object(["success": .bool(true)])),
        (
            " \t\r\n{ \"a\" : [ 1 , -0.5e+10 , null , false ] } \n",
            .object(["a": .array([.number, .number, .null, .bool(false)])])
        ),
        (#"{"success":false,"success":true}"#, .object(["success": .bool(true)])),
        (#""Service Unavailable""#, .string("Service Unavailable")),
        (#""\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00""#, .string("\"\\/\u{8}\u{C}\n\r\té😀")),
        (#""\ud83dx\ude00\ud83d\u0041""#, .string("\u{FFFD}x\u{FFFD}\u{FFFD}A")),
        ("\u{FEFF}{}", .object([:])), ("{}", .object([:])), ("[]", .array([])), ("0", .number), ("true", .bool(true)),
    ])
    func readsADocument(text: String, value: ResponseJSON) {
        #expect(ResponseJSON(Array(text.utf8)) == value)
    }

    @Test(arguments: [
        "", " ", "{", "{]", "{\"success\":true", "{\"success\":true}}", "{\"success\":true} x", "{'success':true}",
        "{\"success\":True}", "{\"success\":tru", "{success:true}", "{\"a\":1,}", "[1,]", "[1 2]", "{\"a\" 1}",
        "01", "1.", ".5", "-", "+1", "1e", "NaN", "\"", "\"\\\"", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"\\u+123\"",
        "\"a\nb\"", "nul", "\u{FEFF}", "\u{FEFF}\u{FEFF}{}", "{}\u{FEFF}", "<html>", "{\"a\":{}", "//x\n{}",
    ])
    func refusesAnythingButOneDocument(text: String) {
        #expect(ResponseJSON(Array(text.utf8)) == nil)
    }

    @Test func keepsRequestedNamesAndValidatesTheRest() {
        let text = #"{"success":true,"responses":[{"channel":"a","message":{"_id":"x","md":[{"value":["y",1]}]}}]}"#
        let names: Set = ["success", "responses", "message", "_id"]
        #expect(
            ResponseJSON(Array(text.utf8), keeping: names)
                == .object([
                    "success": .bool(true), "responses": .array([.object(["message": .object(["_id": .string("x")])])]),
                ]))
        for length in 0..<text.utf8.count {
            #expect(ResponseJSON(Array(text.utf8.prefix(length)), keeping: names) == nil)
        }
        #expect(ResponseJSON(Array(#"{"md":[01],"success":true}"#.utf8), keeping: names) == nil)
    }

    @Test func keepsNoMoreThanAThousandValues() {
        let items = Array("[\(String(repeating: "0,", count: 500_000))0]".utf8)
        guard case .array(let kept) = ResponseJSON(items, keeping: []) else {
            Issue.record("it is a document")
            return
        }
        #expect(kept.count == 1000)
    }

    @Test func refusesInvalidUTF8() {
        #expect(ResponseJSON([0x22, 0xC3, 0x28, 0x22]) == nil)
    }

    @Test func refusesDepthInsteadOfOverflowingTheStack() {
        let fits = String(repeating: "[", count: 64) + String(repeating: "]", count: 64)
        #expect(ResponseJSON(Array(fits.utf8)) != nil)
        #expect(ResponseJSON(Array("[\(fits)]".utf8)) == nil)
        #expect(ResponseJSON(Array(repeating: UInt8(ascii: "["), count: 1_000_000)) == nil)
    }

    @Test func refusesEveryDocumentThatIsCutShort() {
        let whole = Array(##"{"responses":[{"channel":"#a","message":{"_id":"x","n":-1.5e3}}],"success":true}"##.utf8)
        #expect(ResponseJSON(whole) != nil)
        for length in 0..<whole.count {
            #expect(ResponseJSON(Array(whole.prefix(length))) == nil)
        }
    }
}
