import Foundation

/// Finds what Rocket.Chat would make more than plain text of, by the rules of docs/rocketchat.md sections 3.4
/// and 3.7; written against those rules, not against the code that escapes.
enum LiveConstructs {
    enum Reader: CaseIterable {
        /// The server's parser of `text`; mobile reads attachments with it too.
        case messageParser
        /// The web client's reader of attachment texts and field values.
        case marked
        /// A title. Some clients show it unparsed, so it must not hold escapes either.
        case title
    }

    static func find(in text: String, reader: Reader) -> [String] {
        let visible = unescaped(text, reader: reader)
        let rules = anywhere + (reader == .title ? [] : links)
        var found = names(of: rules, matching: visible)
        found += names(of: reader == .title ? rawRules + [visibleEscape] : rawRules, matching: text)
        found += lines(of: visible).flatMap(lineConstructs)
        found += emoticons(in: visible)
        return found
    }

    private struct Rule {
        let name: String
        let expression: NSRegularExpression

        init(_ name: String, _ pattern: String) {
            self.name = name
            // The patterns are constants of this file: an invalid one is a bug.
            expression = try! NSRegularExpression(pattern: pattern)
        }

        func matches(_ text: NSString) -> Bool {
            expression.firstMatch(in: text as String, range: NSRange(location: 0, length: text.length)) != nil
        }
    }

    /// Replaces a character that a backslash escapes.
    private static let inert = "\u{E000}"

    private static func unescaped(_ text: String, reader: Reader) -> String {
        switch reader {
        case .messageParser: replacing(#"\\[*_~`#.]"#, in: text)
        case .marked: replacing(#"\\[!-/:-@\[-`{-~]"#, in: text)
        case .title: text
        }
    }

    private static let anywhere: [Rule] = [
        Rule("mention", #"@+[\p{L}\p{N}_.-]"#), Rule("channel", #"#[\p{L}\p{N}_.-]"#), Rule("bracket", #"\["#),
        Rule("bold", #"\*[^*\n]+\*"#), Rule("strike", #"~[^~\n]+~"#), Rule("code", #"`[^`\n]+`"#),
        Rule("fence", "```|~~~"),
        Rule("italic at a word's edge", #"(?<![A-Za-z0-9_])_[^\n]*_"#),
        Rule("italic inside a word", #"[^\sA-Za-z0-9_()\[\]:!|][A-Za-z0-9]+_[A-Za-z0-9]*_"#),
        Rule("KaTeX", #"\\[(\[]|\$\$"#), Rule("emoji", #":[0-9A-Za-z_+.-]+:"#), Rule("spoiler", #"\|\|"#),
        Rule("Slack link", #"<[^>|\s]+\|"#), Rule("timestamp", "<t:"), Rule("tag", "<[A-Za-z/!]"),
        Rule("colour", "color:#[0-9A-Fa-f]"),
    ]

    private static let links: [Rule] = [
        Rule("URL", "://"), Rule("domain", #"[\p{L}\p{N}_-]\.\p{L}{2}"#), Rule("address", #"\d+\.\d+\.\d+\.\d"#),
        Rule("e-mail", #"[\p{L}\p{N}]@[\p{L}\p{N}]"#), Rule("phone", #"\+\(?\d"#),
    ]

    /// Older servers match the text before they unescape it.
    private static let rawRules: [Rule] = [
        Rule("raw mention", #"(?:^|\s|>)@[\p{L}\p{N}_.-]"#), Rule("raw channel", #"(?:^|\s|>)#[\p{L}\p{N}_.-]"#),
        Rule("control", "[\\x{00}-\\x{09}\\x{0B}-\\x{1F}\\x{7F}-\\x{9F}\\x{2028}\\x{2029}\\x{202A}-\\x{202E}]"),
        Rule("run of brackets", #"([(\[{<>}\])])\1{12}"#),
    ]

    private static let blocks: [Rule] = [
        Rule("heading", #"^ {0,3}#{1,6}(\s|$)"#), Rule("quote", "^ *>"), Rule("list", #"^ {0,3}[-+*](\s|$)"#),
        Rule("numbered list", #"^ {0,3}\d+[.)](\s|$)"#), Rule("indented code", "^( {4}|\t)"),
        Rule("rule", #"^ *([-=_*] *){2,}$"#),
        Rule("table", #"^[ |:]*-[ |:-]*$"#), Rule("table row", #"^\|"#),
    ]

    private static func lines(of text: String) -> [String] {
        text.components(separatedBy: "\n")
    }

    private static func lineConstructs(_ line: String) -> [String] {
        names(of: blocks, matching: line)
    }

    private static func emoticons(in text: String) -> [String] {
        text.split(whereSeparator: \.isWhitespace).map(String.init).filter(knownEmoticons.contains)
    }

    private static let knownEmoticons: Set<String> = [
        "<3", "</3", ":D", ":-D", "=D", ">:)", ">;)", "':)", "':-D", ":')", "O:-)", "0:3", ":)", ":-)", "=]", ":]",
        ";)", "*-)", "*)", ";D", ":*", ":-*", ":P", ":-b", ">:P", "X-P", "B-)", "8)", "8-D", ">:[", ":(", "=(", ":-/",
        ":/", ":\\", "=/", ":L", ">.<", ":'(", ";(", ">:(", ":@", ":$", "D:", "'=(", ":X", "=#", "-_-", "-___-", "O_O",
        ":-O", "#)", "%-)", "X)", "(y)", "*\\0/*", "\\O/",
    ]

    private static let visibleEscape = Rule("visible escape", #"\\[*_~`#.]"#)

    private static func names(of rules: [Rule], matching text: String) -> [String] {
        let text = text as NSString
        return rules.filter { $0.matches(text) }.map(\.name)
    }

    private static func replacing(_ pattern: String, in text: String) -> String {
        text.replacingOccurrences(of: pattern, with: inert, options: .regularExpression)
    }
}
