import Testing

@testable import Relay

@Suite struct AnswerJSONTests {
    @Test(arguments: [
        (#"{"success":true}"#, AnswerJSON.object(["success": .bool(true)])),
        (
            " \t\r\n{ \"a\" : [ 1 , -0.5e+10 , null , false ] } \n",
            .object(["a": .array([.number, .number, .null, .bool(false)])])
        ),
        (#"{"success":false,"success":true}"#, .object(["success": .bool(true)])),
        (#""Service Unavailable""#, .string("Service Unavailable")),
        (#""\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00""#, .string("\"\\/\u{8}\u{C}\n\r\té😀")),
        (#""\ud83dx\ude00\ud83d\u0041""#, .string("\u{FFFD}x\u{FFFD}\u{FFFD}A")),
        ("{}", .object([:])), ("[]", .array([])), ("0", .number), ("true", .bool(true)),
    ])
    func readsADocument(text: String, value: AnswerJSON) {
        #expect(AnswerJSON(Array(text.utf8)) == value)
    }

    @Test(arguments: [
        "", " ", "{", "{]", "{\"success\":true", "{\"success\":true}}", "{\"success\":true} x", "{'success':true}",
        "{\"success\":True}", "{\"success\":tru", "{success:true}", "{\"a\":1,}", "[1,]", "[1 2]", "{\"a\" 1}",
        "01", "1.", ".5", "-", "+1", "1e", "NaN", "\"", "\"\\\"", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"\\u+123\"",
        "\"a\nb\"", "nul", "\u{FEFF}{}", "<html>", "{\"a\":{}", "//x\n{}",
    ])
    func refusesWhatIsNotExactlyOneDocument(text: String) {
        #expect(AnswerJSON(Array(text.utf8)) == nil)
    }

    @Test func refusesInvalidUTF8() {
        #expect(AnswerJSON([0x22, 0xC3, 0x28, 0x22]) == nil)
    }

    @Test func refusesDepthInsteadOfOverflowingTheStack() {
        let fits = String(repeating: "[", count: 64) + String(repeating: "]", count: 64)
        #expect(AnswerJSON(Array(fits.utf8)) != nil)
        #expect(AnswerJSON(Array("[\(fits)]".utf8)) == nil)
        #expect(AnswerJSON(Array(repeating: UInt8(ascii: "["), count: 1_000_000)) == nil)
    }

    @Test func refusesEveryDocumentThatIsCutShort() {
        let whole = Array(##"{"responses":[{"channel":"#a","message":{"_id":"x","n":-1.5e3}}],"success":true}"##.utf8)
        #expect(AnswerJSON(whole) != nil)
        for length in 0..<whole.count {
            #expect(AnswerJSON(Array(whole.prefix(length))) == nil)
        }
    }
}
