import ChatMarkup
import TestSupport
import Testing

@testable import RocketChat

/// Annotations with `annotations: markdown`.
@Suite struct TrustedMarkdownTests {
    @Test(arguments: [
        ("**Disk** is full", "**Disk** is full"), ("*Disk* is full", "**Disk** is full"),
        ("run `df -h` now", "run `df -h` now"), ("- a\n- b", "- a\n- b"), ("1. a\n2. b", "1. a\n2. b"),
        ("see [the runbook](https://r.example/a_b)", "see [the runbook](https://r.example/a_b)"),
        ("**note**: x_y_z", "**note**: x_y_z"), ("a **b c** d", "a **b c** d"), ("**`df -h`** now", "**`df -h`** now"),
        ("use `rate(x[5m]) > 5`", "use `rate(x[5m])` > `5`"),
        ("[v1.2](https://x.example/)", "[v1.2](https://x.example/)"),
        (
            "see [Logs](https://k/app#/?_g=(time:(from:now-1h))) now",
            "see [Logs](https://k/app#/?_g=%28time:%28from:now-1h%29%29) now"
        ),
        ("[https://x.example/a](https://x.example/a)", "https://x.example/a"),
    ])
    func meantMarkupStays(annotation: String, text: String) {
        #expect(TrustedMarkdown.attachment(annotation, limit: 200) == Escaped(string: text, isShortened: false))
    }

    @Test(arguments: [
        ("@all **now**", "`@all` **now**"), ("**@all**", "`**@all**`"),
        ("[x](javascript:alert)", "`[x](javascript:alert)`"),
        ("[www.good.example](https://evil.example)", "`[www.good.example](https://evil.example)`"),
        ("# big", "`#` big"), ("> quote", "\u{203A} quote"), ("![x](https://a/x.png)", "`![x](https://a/x.png)`"),
        ("_it_ and ~s~", "`_it_` and `~s~`"), ("a*b*c", "`a*b*c`"), (":fire: x", "`:fire`: x"),
        ("`:fire:`", "`:fire`:"),
    ])
    func allElseIsEscaped(annotation: String, text: String) {
        #expect(TrustedMarkdown.attachment(annotation, limit: 200).string == text)
    }

    /// What may be live: bold text, code, lists, and links to http and https that name no other address.
    @Test(arguments: HostileCorpus.values + (1...300).map { HostileCorpus.random(seed: $0) })
    func nothingElseIsLive(value: String) {
        for text in ["", "**x** "].map({ TrustedMarkdown.attachment($0 + value, limit: 600).string }) {
            for dialect in [MarkupDialect.webAttachment, .mobileAttachment] {
                let other = MarkupDocument(text, as: dialect).constructs.filter { construct in
                    switch construct.kind {
                    case .bold, .code, .bulletList, .numberedList, .listItem: false
                    case .link:
                        !(construct.url?.hasPrefix("http") == true && !construct.text.contains { "./".contains($0) })
                            && !LiveConstructs.isOwnAddress(construct)
                    case .bigEmoji, .emoji: !LiveConstructs.isOwnEmoji(construct)
                    default: true
                    }
                }
                #expect(other.isEmpty, "\(value.debugDescription) gives \(text.debugDescription)")
            }
        }
    }

    @Test func longAnnotationIsShownAsText() {
        let long = "**bold** " + String(repeating: "word ", count: 100)
        let cut = TrustedMarkdown.attachment(long, limit: 100)
        #expect(cut.isShortened && cut.string.hasPrefix("`**bold**` word") && cut.string.utf16.count <= 100)
    }
}
