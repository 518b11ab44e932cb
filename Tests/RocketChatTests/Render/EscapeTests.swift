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
        for seed in UInt64(1)...1_500 { expectHarmless(HostileCorpus.random(seed: seed), limit: 200) }
    }

    private func expectHarmless(_ value: String, limit: Int) {
        let text = Escape.text(value, limit: limit).string
        expect(text, from: value, readers: [.messageParser], limit: limit)
        #expect(!text.contains("\n"))
        let attachment = Escape.attachment(value, limit: limit).string
        expect(attachment, from: value, readers: [.messageParser, .marked], limit: limit)
        let title = Escape.title(value, limit: limit).string
        expect(title, from: value, readers: [.title], limit: limit)
        #expect(!title.contains("\n"))
    }

    private func expect(_ result: String, from value: String, readers: [LiveConstructs.Reader], limit: Int) {
        #expect(result.utf16.count <= limit, "\(value.prefix(60).debugDescription)")
        for reader in readers {
            let found = LiveConstructs.find(in: result, reader: reader)
            #expect(found.isEmpty, "\(value.prefix(80).debugDescription) gives \(result.prefix(80).debugDescription)")
        }
    }

    /// Tests the checker: the tests above would pass with a checker that finds nothing.
    @Test(arguments: [
        "@all", "(@all)", "#general", "[a](http://b)", "<a.b|c>", "https://a", "node1.prod.com", "10.0.0.1", "a@b",
        "+49151",
        "*b*", "~s~", "`c`", "```", "__name__", "-a_b_c", "# h", "> q", "- i", "+ i", "1. i", "|a|", "---", "===",
        "    c",
        "||s||", "\\(x\\)", "$$x$$", "color:#f00", "<t:1700000000:R>", ":smile:", ":)", "8)", "-_-", "a\u{0}b", "a\tb",
        "[[[[[[[[[[[[[[[[[", "x\n# h",
    ])
    func checkerFindsLiveConstructs(value: String) {
        #expect(!LiveConstructs.find(in: value, reader: .messageParser).isEmpty)
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

    @Test func anAddressInAnAttachmentIsCopiedWhole() {
        #expect(Escape.attachment("web-01.example.com:9100", limit: 100).string == "web-01\\.example\\.com:9100")
        #expect(Escape.attachment("10.0.0.1:9100", limit: 100).string == "10\\.0\\.0\\.1:9100")
    }

    @Test func constructsAreEscapedAsSpecified() {
        #expect(Escape.text("@all", limit: 100).string == "@\u{200B}all")
        #expect(Escape.text("#general", limit: 100).string == "#\u{200B}general")
        #expect(Escape.text("*bold* `code` ~s~", limit: 100).string == "\\*bold\\* \\`code\\` \\~s\\~")
        #expect(Escape.text("[FIRING]", limit: 100).string == "\u{FF3B}FIRING\u{FF3D}")
        #expect(Escape.text("\\(x\\)", limit: 100).string == "\\\u{200B}(x\\\u{200B})")
        #expect(Escape.text(":fire:", limit: 100).string == ":\u{200B}fire:")
        #expect(Escape.attachment("# h", limit: 100).string == "\\# h")
        #expect(Escape.attachment("a\n- b", limit: 100).string == "a\n\u{200B}- b")
        #expect(
            Escape.title("*bold* __name__ `code`", limit: 100).string
                == "∗bold∗ \u{FF3F}\u{FF3F}name\u{FF3F}\u{FF3F} ˋcodeˋ")
    }

    @Test func aLongTextIsCutBetweenWholeScalars() {
        let emoji = String(repeating: "\u{1F600}", count: 100)
        let cut = Escape.text(emoji, limit: 10)
        #expect(cut == Escaped(string: String(repeating: "\u{1F600}", count: 4) + "…", isShortened: true))
        #expect(Escape.text(emoji, limit: 200) == Escaped(string: emoji, isShortened: false))
    }

    @Test func truncationDoesNotSplitEscapes() {
        for limit in 1...20 {
            let cut = Escape.text("a*b*c*d*e*f*", limit: limit).string
            #expect(!cut.hasSuffix("\\…") && !cut.hasSuffix("\\"))
        }
    }

    @Test func lineBreaksStayInAttachmentsOnly() {
        #expect(Escape.attachment("a\r\nb\n\n\n\nc\u{2028}d  \n", limit: 100).string == "a\nb\n\nc\nd")
        #expect(Escape.text("a\r\nb\n\n\n\nc\u{2028}d  \n", limit: 100).string == "a b c d")
    }

    @Test func runsOfBracketsAreBounded() {
        let run = Escape.text(String(repeating: "[", count: 5_000), limit: 9_000).string
        #expect(run == String(repeating: "\u{FF3B}", count: 12) + "…")
    }

    @Test(arguments: ["", " ", "\n\t", "\u{200B}", "\u{FEFF} \u{2060}", "\u{202E}"])
    func invisibleTextIsBlank(value: String) {
        #expect(SanitizedText.isBlank(value))
    }
}
