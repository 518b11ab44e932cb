import Foundation
import TestSupport
import Testing

@testable import Alerts

@Suite struct LabelMatcherTests {
    /// Matcher texts that both the relay and Alertmanager accept.
    private static let matchers = [
        #"team="db""#, "team=db", " team = db ", #"team!="db""#, "team!=db", #"team=~"db|web""#, "team=~d", "team=~d.*",
        "team=~.*", "team=~.+", "team!~.+", #"team!~"(?i)DB""#, #"team=~"(?i:D)b""#, #"team=~"[^a-c]b""#, "team=~d?b?",
        #"team=~"d{1}b{1,2}""#, #"team=~"^db$""#, #"team="""#, "team=", "team!=", #"service=~"a.c""#,
        #"service=~"a\\.c""#, #"service=~"\\w+""#, #"service=~"\\d{2,}|a\\wc""#, #"service=~"é+""#,
        #"service=~"[é-ü]+""#,
        #"service=~"\\x{e9}""#, #"service="a\"c""#, #"service=~"a\"c""#, #"service="a\\c""#, #"service=~"\\Qa.c\\E""#,
        #"service=~"[[:alpha:]]+""#, #"service=~"(a|ab)(c|bcd)(d*)""#, #"service=~"\\bab\\b.*""#,
        #"service=~"a\\Bb.*""#,
        #"service=~"(?:a*)*b""#, #"service=~"(?P<x>a)bc*d?""#, #"service=~"a.+?d""#, #"service=~"[]a]+""#,
        #"service=~"[a-]+""#, #"service=~"a{,2}""#, #"service=~"\\S+""#, #"service=~"É""#, #"service=~"(?i)É""#,
        #"service=~"(?s).*""#, "service=~a,service!=abc", #"{team="db",service=~"a.*"}"#, #"service=~"a)|(?:b""#,
        #"service=~"(?s)a.c""#, #"service=~"(?m)^a$""#, #"service=~"a$""#, #"service=~"\pL+""#, #"service=~"\PL+""#,
        #"service=~"\p{Greek}+|[[:^alpha:]]+""#, #"service=~"(?U)a+""#, #"service=~"\_|a\.c""#, #"service=~"\x61bc""#,
        #"service=~"\141bc""#, #"service=~"(?i)\x{c9}""#, #"service=~"a\z""#, #"service=~"\Aabc""#,
        #"service=~"(|a)*b?c?""#, #"service=~"[^[:alpha:]]+""#, #"service=~"a{0}abc""#, #"service=~"\QC\\E""#,
        #"service="é""#, "service=a\\u{301}", "service!~é",
    ]

    private static let samples: [Labels] = [
        [:], ["team": "db"], ["team": "web"], ["team": "DB"], ["team": "dbb"], ["service": "abc"], ["service": "a.c"],
        ["service": "abcd"], ["service": "é"], ["service": "aéc"], ["service": "a\"c"], ["service": "a\\c"],
        ["service": "12"], ["service": "ab cd"], ["service": "aab"], ["service": "a-a"], ["service": "]a"],
        ["service": "a{,2}"], ["service": "É"], ["team": "db", "service": "abc"], ["team": "db", "service": "a\nc"],
        ["service": "e\u{301}"], ["service": "a\nb"], ["service": "σ"], ["service": "axyz"], ["service": "\r\n"],
    ]

    /// Debian's amtool evaluates routes with Alertmanager's own code.
    @Test func matchingAgreesWithAlertmanager() throws {
        var routes = ""
        var receivers = "receivers: [{name: none}"
        for (index, matcher) in Self.matchers.enumerated() {
            let quoted = matcher.replacing("'", with: "''")
            routes += "  - {receiver: r\(index)r, continue: true, matchers: ['\(quoted)']}\n"
            receivers += ", {name: r\(index)r}"
        }
        let folder = TemporaryFolder()
        let path = folder.path + "/alertmanager.yml"
        try "route:\n  receiver: none\n  routes:\n\(routes)\(receivers)]\n"
            .write(toFile: path, atomically: true, encoding: .utf8)
        for labels in Self.samples {
            let matched = try Self.amtool(path, labels)
            for (index, matcher) in Self.matchers.enumerated() {
                let ours = try LabelMatcher.parse(matcher).allSatisfy { $0.matches(labels) }
                #expect(ours == matched.contains("r\(index)r"), "\(matcher) on \(labels)")
            }
        }
    }

    private static func amtool(_ config: String, _ labels: Labels) throws -> Set<String> {
        // amtool parses labels as matchers, with their escapes.
        let arguments = labels.pairs.map { pair in
            "\(pair.name)=\"" + pair.value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
        }
        let amtool = try Program(
            "amtool", ["config", "routes", "test", "--config.file=\(config)"] + arguments)
        try #require(amtool.exitCode() == 0, "\(amtool.output)")
        return Set(amtool.output.split { ", \n".contains($0) }.map(String.init))
    }

    @Test(arguments: [
        "", "=", "a", "a:", "1a=b", "é=b", #"a="b"#, #"a=b"c"#, #"a=~"(""#, "a=~[", "a=~*", "a=~\\1", "a=~(x)\\1",
        "{a=b", "a=~\\", "a=~[b-a]", "a=~)", "a=~[[:odd:]]", "a=~\\C",
    ])
    func invalidMatchersAreRefused(text: String) {
        if text.isEmpty {
            #expect((try? LabelMatcher.parse(text))?.isEmpty == true)
        } else {
            #expect(throws: LabelMatcher.Invalid.self) { try LabelMatcher.parse(text) }
        }
    }

    @Test func printedMatchersParseAgain() throws {
        for text in Self.matchers {
            for matcher in try LabelMatcher.parse(text) {
                #expect(try LabelMatcher.parse(matcher.description) == [matcher])
            }
        }
    }

    @Test(arguments: [
        ("(a*)*(a|aa)+(.*)*b", "a", 200_000), (#"([a-z0-9-]+\.?)+"#, "a", 4_000), (#"([a-z0-9-]+\.?)+"#, "a.", 500_000),
        ("(x+x+)+y", "x", 100_000), ("(.*,){10}z", ",", 100_000), ("(a|b)*a(a|b){30}c", "ab", 100_000),
    ])
    func noValueMakesAPatternSlow(text: String, unit: String, count: Int) throws {
        let value = String(repeating: unit, count: count) + "!"
        let pattern = try LabelPattern(text)
        let took = ContinuousClock().measure { #expect(pattern.matches(value) == false) }
        // A backtracking engine would not finish; one of cubic time would need hours.
        #expect(took < .seconds(20))
    }

    @Test func valueTooLongForALargePatternNeverMatches() throws {
        let text = ".*a.{900}"
        let value = String(repeating: "a", count: 1_000_000)
        #expect(try LabelPattern(text).matches(value) == nil)
        for sign in ["=~", "!~"] {
            #expect(try LabelMatcher.parse("a\(sign)\(text)")[0].matches(["a": value]) == false)
        }
    }

    @Test(arguments: ["\\pL{1000}", "((a{100}){100}){100}", "a{1001}"])
    func errorNamesATooLargePattern(text: String) {
        let error = #expect(throws: LabelMatcher.Invalid.self) { try LabelMatcher.parse("a=~\"\(text)\"") }
        #expect(error?.description.contains(text.replacing("\\\\", with: "\\")) == true, "\(error?.description ?? "")")
    }

    @Test func theMemoryOfAPatternIsBounded() {
        let error = #expect(throws: LabelPattern.Invalid.self) { try LabelPattern("\\pL{1000}") }
        #expect(error?.description.contains("too large") == true)
    }

    @Test func bytesAreComparedNotCharacters() throws {
        // Equal for Swift's ==, different for Alertmanager.
        let (composed, decomposed) = ("\u{e9}", "e\u{301}")
        for text in ["a=\(composed)", "a=~\(composed)", "\"\(composed)\"=x"] {
            let matcher = try LabelMatcher.parse(text)[0]
            #expect(matcher.matches(["a": composed, composed: "x"]))
            #expect(!matcher.matches(["a": decomposed, decomposed: "x"]))
        }
        #expect(try LabelPattern(composed) != LabelPattern(decomposed))
        // A quote with an accent after it is still a quote.
        #expect(try LabelMatcher.parse("a=\"\u{301}\"")[0].condition == .equal("\u{301}"))
        #expect(try LabelMatcher.parse("a=\"x\",b=\"\u{301},\"").count == 2)
    }

    @Test(arguments: [
        (#""host.name"="a""#, "host.name", "a"), (#"{"größe" = "x y",}"#, "größe", "x y"),
        (#"{ "a b"=c }"#, "a b", "c"),
        (#""a\"\\b"="\n\t\x41\101\u00e9\U0001F600""#, #"a"\b"#, "\n\tAA\u{e9}\u{1F600}"),
        (#""\xc3\xa9"="""#, "\u{e9}", ""), (#""team"="db""#, "team", "db"), (#""a,b"="c,d""#, "a,b", "c,d"),
        (#""}"="{""#, "}", "{"), (#""1"="=""#, "1", "="),
    ])
    func quotedNamesFollowAlertmanagersSyntax(text: String, name: String, value: String) throws {
        let matchers = try LabelMatcher.parse(text)
        #expect(matchers == [LabelMatcher(name: name, condition: .equal(value))])
        #expect(matchers.first?.matches([name: value]) == true)
        for matcher in matchers { #expect(try LabelMatcher.parse(matcher.description) == [matcher]) }
    }

    @Test func quotedAndPlainNamesMix() throws {
        let matchers = try LabelMatcher.parse(
            #"{team!~"a.*","host.name"=~"db\d",  "größe"!="1", x="y"}"#.replacing("\\d", with: "\\\\d"))
        #expect(matchers.map(\.name) == ["team", "host.name", "größe", "x"])
        #expect(matchers.allSatisfy { $0.matches(["team": "b", "host.name": "db7", "x": "y"]) })
        #expect(!matchers.allSatisfy { $0.matches(["team": "b", "host.name": "db", "x": "y"]) })
    }

    @Test(arguments: [
        #""a.b""#, #""a.b"="#, #""a.b"=="c""#, #""a.b="c""#, #"""="a""#, #""a.b"="c" "d"="e""#, #"{"a.b"="c""#,
        #""a.b"="c"}"#, #""a.b"="\d""#, #""a.b"="\xff""#, #""a.b"="\ud800""#, #""a.b"="\400""#, #""a.b"=c d"#,
        #"a.b="c""#, #""a.b"=~"(""#, ",\"a.b\"=c", "\"a.b\"=c,,d=e", "\"a.b\"='c'", "\"a\nb\"=c", "\"a.b\"=\"\\x4\"",
    ])
    func invalidQuotedMatchersAreRefused(text: String) {
        let error = #expect(throws: LabelMatcher.Invalid.self) { try LabelMatcher.parse(text) }
        #expect(error?.description.isEmpty == false)
    }

    @Test func deeplyNestedGroupsAreRefused() {
        let text = String(repeating: "(", count: 100_000)
        #expect(throws: LabelPattern.Invalid.self) { try LabelPattern(text) }
    }
}
