import ChatMarkup
import TestSupport
import Testing

@testable import RocketChat
@testable import Support

@Suite struct EscapeTests {
    @Test(arguments: HostileCorpus.values)
    func hostileTextIsEscaped(value: String) {
        expectHarmless(value, limit: 600)
    }

    @Test(arguments: [1, 2, 3, 5, 8, 9, 10, 13, 21, 34])
    func truncationCreatesNoConstruct(limit: Int) {
        for value in HostileCorpus.values { expectHarmless(value, limit: limit) }
    }

    @Test func randomMarkupIsEscaped() {
        for seed in UInt64(1)...300 { expectHarmless(HostileCorpus.random(seed: seed), limit: 200) }
    }

    private func expectHarmless(_ value: String, limit: Int) {
        for text in [Escape.text(value, limit: limit), Escape.value(value, in: .text, limit: limit)] {
            expect(text.string, from: value, readers: [.messageParser], limit: limit)
            #expect(!text.string.contains("\n"))
        }
        for text in [Escape.attachment(value, limit: limit), Escape.value(value, in: .attachment, limit: limit)] {
            expect(text.string, from: value, readers: [.attachment], limit: limit)
        }
        for title in [Escape.title(value, limit: limit), Escape.fieldTitle(value, limit: limit)] {
            #expect(!title.string.contains("\n"))
        }
        expect(Escape.fieldTitle(value, limit: limit).string, from: value, readers: [.fieldTitle], limit: limit)
    }

    private func expect(_ result: String, from value: String, readers: [LiveConstructs.Reader], limit: Int) {
        #expect(result.utf16.count <= limit, "\(value.prefix(60).debugDescription)")
        for reader in readers {
            let found = ["", "x "].flatMap { LiveConstructs.find(in: $0 + result, reader: reader) }
            #expect(found.isEmpty, "\(value.prefix(80).debugDescription) gives \(result.prefix(80).debugDescription)")
        }
    }

    /// Tests the checker: the tests above would pass with a checker that finds nothing.
    @Test(arguments: [
        "@all", "(@all)", "#general", "[a](http://b)", "<http://a|c>", "*b*", "~s~", "```\nx\n```", "__name__", "# h",
        "> q", "- i", "1. i", "||s||", "\\(x\\)", "color:#f00", "<t:1700000000:R>", ":smile:", ":)", "a\u{0}b", "a\tb",
        "[[[[[[[[[[[[[[[[[", "x\n# h", "a\u{200B}b", "`x @all`",
    ])
    func checkerFindsLiveConstructs(value: String) {
        #expect(!LiveConstructs.find(in: value, reader: .messageParser).isEmpty)
    }

    @Test(arguments: [
        "a :fire: b", "`:fire:`", "`a 8) b`", "`a<b`", "(slot 8), x", "a\n---", "a | b\n--- | ---", "    code",
    ])
    func checkerFindsWhatTheWebClientChanges(value: String) {
        #expect(!LiveConstructs.find(in: value, reader: .attachment).isEmpty)
    }

    @Test(arguments: [
        "HighCPUUsage", "web-01:9100", "node_cpu_seconds_total above 90 %", "CPU at 97.3% (limit 90%)",
        "5xx rate is > 1/s", "disk /dev/sda1 is full", "a = b, c; d", "ratio 3:2 at 17:04", "it's \"fine\"",
        "Größe überschritten",
        "-5 °C", "{job=node}", "x <= 3",
    ])
    func ordinaryTextIsNotTouched(value: String) {
        #expect(Escape.text(value, limit: 100) == Escaped(string: value, isShortened: false))
    }

    /// What people see and copy in all clients.
    private func shown(_ text: Escaped, as reader: LiveConstructs.Reader) -> Set<String> {
        Set(reader.dialects.map { MarkupDocument(text.string, as: $0).shown })
    }

    @Test(arguments: HostileCorpus.names)
    func namesAreCopiedUnchanged(name: String) {
        let pair = "\(name) and \(name)"
        let sentence = "Disk on \(name), is (\(name))."
        #expect(shown(Escape.text(sentence, limit: 200), as: .messageParser) == [sentence])
        #expect(shown(Escape.attachment(sentence, limit: 200), as: .attachment) == [sentence])
        for text in [name, pair] {
            #expect(shown(Escape.value(text, in: .text, limit: 200), as: .messageParser) == [text])
            #expect(shown(Escape.value(text, in: .attachment, limit: 200), as: .attachment) == [text])
        }
    }

    /// Notifications show no more of an escaped text than of the text itself: their filter knows code, and no escapes.
    @Test(arguments: HostileCorpus.values)
    func notificationsShowTheTextUnchanged(value: String) {
        let plain = String(
            String.UnicodeScalarView(SanitizedText(value, keepsLines: false, limit: 200).scalars.prefix(190)))
        let expected = plain.trimmed.replacing("`", with: "\u{02CB}").replacing(">@", with: ">\u{FF20}")
            .replacing(">#", with: ">\u{FF03}")
        let isList = plain.wholeMatch(of: /([-+*] |\d+\. ).*/) != nil
        guard !isList else { return }
        let filtered = PushText.filtered(Escape.text(plain, limit: 1_000).string)
        #expect(filtered == PushText.filtered(expected))
    }

    @Test(arguments: [
        ("Disk on `web-1.prod.com` is full", "Disk on `ˋweb-1.prod.comˋ` is full"),
        ("10.0.1.* and 10.0.2.*", "`10.0.1.*` and `10.0.2.*`"), ("(*x*), y", "(`*x*`), y"), ("@all", "`@all`"),
        ("[FIRING]", "`[FIRING]`"), ("see #general.", "see `#general`."), ("x <= 3", "x <= 3"),
        ("rate(x{a=~\"b\"}[5m]) > 5", "`rate(x{a=~\"b\"}[5m])` > 5"), ("<no value>", "<no value>"),
        (">@all", "`>\u{FF20}all`"), ("https://e.com/a_b", "https://e.com/a_b"), ("- x", "• x"), ("1. x", "1.\u{A0}x"),
    ])
    func liveWordsOfATextBecomeCode(value: String, escaped: String) {
        #expect(Escape.text(value, limit: 100).string == escaped)
    }

    @Test(arguments: [
        ("a*b<c", "`a*b`<`c`"), ("a:fire:b", "`a:fire`:`b`"), ("> 5*3", "\u{203A} `5*3`"), ("---", "`---`"),
        ("y\n  x\n8)", "y\n\u{A0}\u{A0}x\n`8)`"), ("R&D*", "`R`&`D*`"), ("a\n- b\n* c", "a\n• b\n• c"),
        ("(slot 8), x", "(slot `8)`, x"),
    ])
    func liveWordsOfAnAttachmentBecomeCode(value: String, escaped: String) {
        #expect(Escape.attachment(value, limit: 100).string == escaped)
    }

    @Test func everyEmoticonIsEscaped() {
        for emoticon in Emoticon.all {
            for value in ["", ",", ".x", "!z", "web-1.example.com"].map({ emoticon + $0 }) {
                let text = Escape.text("slot " + value, limit: 100).string
                let attachment = Escape.attachment(value + " slot " + value, limit: 100).string
                #expect(LiveConstructs.find(in: text, reader: .messageParser).isEmpty, "\(text)")
                #expect(LiveConstructs.find(in: attachment, reader: .attachment).isEmpty, "\(attachment)")
            }
        }
    }

    @Test(arguments: ["Pod: a-1 (db) on LB: x", "(3) of (80)", "pod=x", "Do: it", "Pool:", "08:30"])
    func wordsThatAreLikeEmoticonsStay(value: String) {
        #expect(Escape.text(value, limit: 100).string == value)
        #expect(Escape.attachment(value, limit: 100).string == value)
    }

    @Test func marksOfAListStayInTheMiddleOfALine() {
        #expect(Escape.text("- foo", limit: 100, startsLine: false).string == "- foo")
        #expect(Escape.text("value >0.5*limit", limit: 100).string == "value `>0.5*limit`")
    }

    @Test func valuesAreOneSpanOfCode() {
        #expect(Escape.value("web-1 and 2", in: .text, limit: 100).string == "`web-1 and 2`")
        #expect(Escape.value("web-1 and 2", in: .attachment, limit: 100).string == "web-1 and 2")
        #expect(Escape.value("web-* and 2", in: .attachment, limit: 100).string == "`web-* and 2`")
        #expect(Escape.value("a < b", in: .text, limit: 100).string == "`a < b`")
        #expect(Escape.value("a* < b", in: .attachment, limit: 100).string == "`a*` < `b`")
        #expect(Escape.value("x @all", in: .text, limit: 100).string == "`x` `@all`")
    }

    @Test func titlesHaveLookAlikes() {
        #expect(
            Escape.title("*bold* __name__ `code` web_1 [::1]:9", limit: 100).string
                == "∗bold∗ \u{FF3F}\u{FF3F}name\u{FF3F}\u{FF3F} ˋcodeˋ web_1 [::1]:9")
        #expect(Escape.fieldTitle("www.x.y", limit: 100).string == "www․x․y")
        #expect(Escape.fieldTitle("kubernetes_io_name", limit: 100).string == "kubernetes_io_name")
    }

    @Test func aLongTextIsCutBetweenWholeScalars() {
        let emoji = String(repeating: "\u{1F600}", count: 100)
        let cut = Escape.text(emoji, limit: 10)
        #expect(cut == Escaped(string: String(repeating: "\u{1F600}", count: 4) + "…", isShortened: true))
        #expect(Escape.text(emoji, limit: 200) == Escaped(string: emoji, isShortened: false))
    }

    @Test func truncationClosesCode() {
        for limit in 1...40 {
            let cut = Escape.text("x a*b*c*d*e*f* and more*", limit: limit).string
            #expect(cut.count { $0 == "`" }.isMultiple(of: 2) && !cut.contains("``"))
        }
    }

    @Test func lineBreaksStayInAttachmentsOnly() {
        #expect(Escape.attachment("a\r\nb\n\n\n\nc\u{2028}d  \n", limit: 100).string == "a\nb\n\nc\nd")
        #expect(Escape.text("a\r\nb\n\n\n\nc\u{2028}d  \n", limit: 100).string == "a b c d")
    }

    @Test func runsOfBracketsAreBounded() {
        let run = Escape.text(String(repeating: "[", count: 5_000), limit: 9_000).string
        #expect(run == "`" + String(repeating: "[", count: 12) + "…`")
    }

    /// Each scalar up to U+02FF and some others, by their properties in Unicode.
    @Test func scalarsAreKeptByTheirProperties() {
        let others: [Unicode.Scalar] = ["\u{200B}", "\u{2003}", "\u{FFFD}", "\u{1F600}", "\u{E0041}"]
        for scalar in (0...0x2FF).compactMap(Unicode.Scalar.init(_:)) + others {
            let properties = scalar.properties
            let kept: [Unicode.Scalar] =
                properties.isWhitespace
                ? [" "]
                : properties.isDefaultIgnorableCodePoint
                    ? [] : [properties.generalCategory == .control ? "\u{FFFD}" : scalar]
            let clean = SanitizedText(String(scalars: ["a", scalar, "b"]), keepsLines: false, limit: 9)
            #expect(clean.scalars == ["a"] + kept + ["b"], "\(scalar.value)")
            #expect(Array(String(scalars: ["a", scalar, "b"]).unicodeScalars) == ["a", scalar, "b"])
        }
    }

    @Test(arguments: ["", " ", "\n\t", "\u{200B}", "\u{FEFF} \u{2060}", "\u{202E}", "\u{3164}\u{AD}"])
    func invisibleTextIsBlank(value: String) {
        #expect(SanitizedText.isBlank(value))
    }
}
