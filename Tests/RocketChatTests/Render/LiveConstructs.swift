import ChatMarkup
import Foundation

/// Finds what a client of Rocket.Chat would make of a text that is not meant: everything but inline code and links that
/// say where they lead. The readers of `ChatMarkup` are compared with Rocket.Chat's own.
enum LiveConstructs {
    enum Reader: CaseIterable {
        /// The message's `text`, in all versions of the server.
        case messageParser
        /// An attachment's text and field values, in the web client and the mobile app.
        case attachment
        /// The title of a field, in the web client.
        case fieldTitle

        var dialects: [MarkupDialect] {
            switch self {
            case .messageParser: TextGrammar.allCases.map { .text($0) }
            case .attachment: [.webAttachment, .webInline, .mobileAttachment]
            case .fieldTitle: [.webInline]
            }
        }
    }

    static func find(in text: String, reader: Reader) -> [String] {
        let live = reader.dialects.flatMap { dialect in
            MarkupDocument(text, as: dialect).constructs.filter { !isHarmless($0, reader) }
                .map { "\($0.kind.rawValue) \($0.text.prefix(40).debugDescription) in \(dialect)" }
        }
        return live + rawRules.filter { $0.matches(text) }.map(\.name)
    }

    private static func isHarmless(_ construct: LiveConstruct, _ reader: Reader) -> Bool {
        switch construct.kind {
        // The web client replaces emoji in code, and up to 7.7 shows HTML's characters as entities.
        case .code: reader == .messageParser || !isChangedInCode(construct.text)
        case .link: isOwnAddress(construct)
        case .bigEmoji, .emoji: isOwnEmoji(construct)
        default: false
        }
    }

    /// Whether it is a character of the sender, or a group of an address that is no name of an emoji.
    static func isOwnEmoji(_ construct: LiveConstruct) -> Bool {
        let names: Set = [":a:", ":b:", ":ab:", ":abc:", ":abcd:", ":bed:", ":bee:", ":cd:", ":100:", ":1234:"]
        let isGroup = construct.text.wholeMatch(of: /:[0-9A-Fa-f]+:/) != nil && !names.contains(construct.text)
        return isGroup || construct.text.unicodeScalars.allSatisfy { !$0.isASCII }
    }

    private static func isChangedInCode(_ code: String) -> Bool {
        code.contains { "<>&".contains($0) } || code.contains(/:(?![0-9A-Fa-f]+:)[0-9A-Za-z_+-]+:/)
            || code.contains(/\s(8\)|:\)|:\(|;\)|:D)(?=[\s,.!?])/)
    }

    /// Whether a link's text is its address, which may have a scheme in addition.
    static func isOwnAddress(_ link: LiveConstruct) -> Bool {
        ["", "//", "http://", "mailto:", "tel:"].contains { $0 + link.text == link.url }
    }

    private struct Rule {
        let name: String
        let expression: NSRegularExpression

        init(_ name: String, _ pattern: String) {
            self.name = name
            // The patterns are constants of this file: an invalid one is a bug.
            expression = try! NSRegularExpression(pattern: pattern)
        }

        func matches(_ text: String) -> Bool {
            let text = text as NSString
            return expression.firstMatch(in: text as String, range: NSRange(location: 0, length: text.length)) != nil
        }
    }

    /// What older servers find in the whole text, code included, and what no text may contain.
    private static let rawRules: [Rule] = [
        Rule("raw mention", #"(?:^|\s|>)@[\p{L}\p{N}_.-]"#), Rule("raw channel", #"(?:^|\s|>)#[\p{L}\p{N}_.-]"#),
        Rule("control", #"[\x{00}-\x{09}\x{0B}-\x{1F}\x{7F}-\x{9F}\x{2028}\x{2029}]"#),
        Rule("run of brackets", #"([(\[{<>}\])])\1{12}"#),
        Rule(
            "invisible",
            #"[\x{AD}\x{61C}\x{115F}\x{1160}\x{180E}\x{200B}\x{200E}\x{200F}\x{202A}-\x{202E}\x{2060}-\x{206F}"#
                + #"\x{3164}\x{FEFF}\x{FFA0}\x{FFF9}-\x{FFFB}\x{E0000}-\x{E007F}]"#),
    ]
}
