import Testing

@testable import Alerts
@testable import ChatOps

@Suite struct CommandParserTests {
    private let parser = CommandParser(longest: .seconds(7 * 86_400))

    private func silence(_ text: String) throws -> ChatCommand.Silence {
        guard case .silence(let silence) = try parser.parse(text) else {
            throw ChatCommand.Invalid(description: "another command")
        }
        return silence
    }

    private func error(_ text: String) -> String {
        do {
            return "no error: \(try parser.parse(text))"
        } catch {
            return error.description
        }
    }

    @Test(arguments: [
        ("!silence 2h 3f2a9c", "3f2a9c", 7_200, ""), ("!silence 3f2a9c 2h", "3f2a9c", 7_200, ""),
        ("!silence 2h 3f2a9c disk swap", "3f2a9c", 7_200, "disk swap"),
        ("!silence 3f2a9c 1d12h  disk \n swap ", "3f2a9c", 129_600, "disk swap"),
        ("!SILENCE 1w 3F2A9C0123456789", "3f2a9c0123456789", 604_800, ""), ("!silence 90s 3f2a", "3f2a", 90, ""),
        // Texts that are both an ID and a duration.
        ("!silence 2h 12345d", "12345d", 7_200, ""), ("!silence 12345d 2h", "12345d", 7_200, ""),
        ("!silence 30m 3f2a9c alertname=X", "3f2a9c", 1_800, "alertname=X"),
        ("\u{A0}!silence\u{A0}2h\u{A0}3f2a9c\u{2003}x", "3f2a9c", 7_200, "x"),
    ])
    func alertIsSilencedInEitherOrder(text: String, id: String, seconds: Int, comment: String) throws {
        let expected = ChatCommand.Silence(selection: .alert(id: id), duration: .seconds(seconds), comment: comment)
        #expect(try silence(text) == expected)
    }

    @Test(arguments: [
        (#"!silence 2h alertname=X"#, [#"alertname="X""#], ""),
        (#"!silence alertname=X 2h why not"#, [#"alertname="X""#], "why not"),
        (
            #"!silence 2h alertname=X instance=~"web.*" disk swap"#, [#"alertname="X""#, #"instance=~"web.*""#],
            "disk swap"
        ),
        (
            #"!silence 2h alertname="a b", env!=dev,job!~"x|y" see a=b"#,
            [#"alertname="a b""#, #"env!="dev""#, #"job!~"x|y""#], "see a=b"
        ),
        (#"!silence 2h {alertname="a } b", env!="dev"} why"#, [#"alertname="a } b""#, #"env!="dev""#], "why"),
        (#"!silence 2h "host.name"="db1" why"#, [#""host.name"="db1""#], "why"),
        (#"!silence 2h a="quote \" inside" b"#, [#"a="quote \" inside""#], "b"),
        ("!silence 2h instance=~“web.*” off", [#"instance=~"web.*""#], "off"),
        (#"!silence 2h a=x https://chat.example.com/x?a=b"#, [#"a="x""#], "https://chat.example.com/x?a=b"),
        (#"!silence 2h a=é "#, [#"a="é""#], ""),
    ])
    func matchersEndWhereTheCommentBegins(text: String, matchers: [String], comment: String) throws {
        let silence = try silence(text)
        guard case .matchers(let parsed) = silence.selection else {
            Issue.record("no matchers")
            return
        }
        #expect(parsed.map(\.description) == matchers && silence.comment == comment)
        #expect(silence.duration == .seconds(7_200))
    }

    @Test(arguments: [
        ("!silences", ChatCommand.silences), ("!alerts ", .alerts), ("!help me", .help),
        ("!unsilence 4DFEFDC3-1a", .unsilence(id: "4dfefdc3-1a")),
    ])
    func otherCommands(text: String, command: ChatCommand) throws {
        #expect(try parser.parse(text) == command)
    }

    @Test(arguments: [
        ("", "is not a command"), ("hello", "\"hello\" is not a command; !help"), ("!silense 2h x", "\"!silense\""),
        ("silence 2h 3f2a9c", "is not a command"), ("!", "is not a command"), ("!unknown", "is not a command"),
        ("!silence", "Say what to silence, and for how long"), ("!silence 2h", "Say what"),
        ("!silence 3f2a9c", "Say for how long: !silence 2h 3f2a9c"), ("!silence alertname=X", "Say for how long"),
        ("!silence 2h web1", "\"web1\" is neither an alert's id nor a matcher"),
        ("!silence web1 2h", "is neither a duration such as 2h, an alert's id nor a matcher"),
        ("!silence 2h 3f2", "too short"), ("!silence 2 3f2a9c", "\"2\" is too short"),
        ("!silence 30s 3f2a9c", "lasts from 1 m to 7 d"), ("!silence 8d 3f2a9c", "\"8d\" is not in this range"),
        ("!silence 999999999w 3f2a9c", "range"), ("!silence 0m alertname=X", "range"),
        ("!silence 9999999999999999999999999h 3f2a9c", "neither"),
        ("!silence 2h alertname=\"X", "closing \""), ("!silence 2h a=~\"(\"", "regular expression"),
        ("!silence 2h {a=\"b\"", "without its }"), ("!silence 2h a=\"b\"c", "cannot be read"),
        ("!silence 2h a=\"\"", "all alerts"), ("!silence 2h a=~\".*\" b!=x", "all alerts"),
        ("!silence 2h {}", "Say what"),
        ("!silences all", "has nothing after it"), ("!alerts x", "has nothing after it"),
        ("!unsilence", "Write !unsilence"), ("!unsilence a b", "Write !unsilence"),
        ("!unsilence ../x", "not the id of a silence"), ("!unsilence abc", "not the id of a silence"),
    ])
    func mistakeIsExplained(text: String, part: String) {
        #expect(error(text).contains(part), "\(error(text))")
    }

    @Test func sizesAreBounded() {
        #expect(error("!silence 2h a=b " + String(repeating: "x", count: 4_000)).contains("longer than 4000"))
        let many = (0..<21).map { "a\($0)=b" }.joined(separator: " ")
        #expect(error("!silence 2h " + many).contains("at most 20 matchers"))
        #expect(error("!" + String(repeating: "y", count: 3_000)).utf16.count < 200)
    }

    @Test func invalidCommandKeepsItsName() {
        #expect(throws: ChatCommand.Invalid.self) { try parser.parse("!silence") }
        do {
            _ = try parser.parse("!unsilence")
        } catch {
            #expect(error.name == .unsilence)
        }
    }

    /// Any text gives a command or an explanation.
    @Test func everyBeginningOfACommandIsHandled() {
        let text = #"!silence 2h {a="\"}", "b.c"=~“x”} , d!=e 1d12h ,, comment"#
        for length in 0...text.count {
            let part = String(text.prefix(length))
            #expect(!error(part).isEmpty)
            #expect(!error(String(text.dropFirst(length))).isEmpty)
        }
    }
}
