import Foundation
import TestSupport
import Testing

@testable import Relay

@Suite struct LabelMatcherTests {
    /// Texts of one matcher each that both we and Alertmanager read.
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
        #"service=~"(?s).*""#, "service=~a,service!=abc", #"{team="db",service=~"a.*"}"#,
    ]

    private static let samples: [Labels] = [
        [:], ["team": "db"], ["team": "web"], ["team": "DB"], ["team": "dbb"], ["service": "abc"], ["service": "a.c"],
        ["service": "abcd"], ["service": "é"], ["service": "aéc"], ["service": "a\"c"], ["service": "a\\c"],
        ["service": "12"], ["service": "ab cd"], ["service": "aab"], ["service": "a-a"], ["service": "]a"],
        ["service": "a{,2}"], ["service": "É"], ["team": "db", "service": "abc"], ["team": "db", "service": "a\nc"],
    ]

    /// Debian's amtool asks the routes of Alertmanager itself.
    @Test func everyAnswerIsAlertmanagers() throws {
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
            let asked = try Self.amtool(path, labels)
            for (index, matcher) in Self.matchers.enumerated() {
                let ours = try LabelMatcher.list(matcher).allSatisfy { $0.matches(labels) }
                #expect(ours == asked.contains("r\(index)r"), "\(matcher) on \(labels)")
            }
        }
    }

    private static func amtool(_ config: String, _ labels: Labels) throws -> Set<String> {
        // It reads labels as matchers, with their escapes.
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
    func whatCannotBeReadIsRefused(text: String) {
        if text.isEmpty {
            #expect((try? LabelMatcher.list(text))?.isEmpty == true)
        } else {
            #expect(throws: LabelMatcher.Invalid.self) { try LabelMatcher.list(text) }
        }
    }

    @Test func aMatcherPrintsAsItCanBeReadAgain() throws {
        for text in Self.matchers {
            for matcher in try LabelMatcher.list(text) {
                #expect(try LabelMatcher.list(matcher.description) == [matcher])
            }
        }
    }

    @Test func noValueMakesAPatternSlow() throws {
        let value = String(repeating: "a", count: 20_000)
        let pattern = try LabelPattern("(a*)*(a|aa)+(.*)*b")
        let took = ContinuousClock().measure { #expect(pattern.matches(value) == false) }
        // A backtracking engine would not come to an end.
        #expect(took < .seconds(20))
    }

    @Test func groupsMayNotBeNestedWithoutEnd() {
        let text = String(repeating: "(", count: 100_000)
        #expect(throws: LabelPattern.Invalid.self) { try LabelPattern(text) }
    }
}
