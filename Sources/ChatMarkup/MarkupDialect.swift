/// Which reader's rules apply to a text (docs/rocketchat.md section 3.7).
package enum MarkupDialect: Hashable, Sendable {
    /// The `text` of a message, which the server parses.
    case text(TextGrammar)
    /// An attachment's `text`, `pretext` or field value in the web client: GitHub-flavored Markdown.
    case webAttachment
    /// A field's title in the web client: Markdown without blocks.
    case webInline
    /// An attachment in the mobile app.
    case mobileAttachment

    /// Whether the web client's Markdown applies.
    var isWeb: Bool { self == .webAttachment || self == .webInline }
}

/// A version of the server's grammar for `text`.
package enum TextGrammar: String, CaseIterable, Sendable {
    case v613 = "6.13"
    case v77 = "7.7"
    case v83 = "8.3"
    case v90 = "9.0"

    var rules: GrammarRules {
        switch self {
        case .v613: GrammarRules()
        case .v77: .v77
        case .v83: .v83
        case .v90: .v90
        }
    }
}

/// What differs between the versions of the grammar. The initial values are those of 6.13.
struct GrammarRules: Sendable {
    // MARK: Options of the reader

    var hasEmoticons = true
    var hasColors = true
    /// `\(…\)` and `\[…\]`. The dollar syntax is off by default.
    var hasMath = true

    // MARK: From 7.7

    /// An emoticon starts a word, and a blank, an asterisk, another construct or the end follows it.
    var wantsEmoticonNeighbor = false

    // MARK: From 8.3

    var hasSpoilers = false
    /// Timestamps may be ISO dates or times of the day.
    var hasDateTimestamps = false
    /// A URL in `[label](url)` may contain balanced parentheses and end in punctuation.
    var balancesParentheses = false
    /// `] [other](` ends a label.
    var endsLabelAtNextLink = false
    /// A link at the end of the text loses trailing punctuation, as elsewhere.
    var trimsAtEnd = false
    /// `>` alone is an empty line of a quote.
    var hasEmptyQuoteLines = false
    var linksIPAddresses = false
    /// The server closes a fence if the text has an odd number of fences.
    var closesFences = false

    // MARK: From 9.0

    var hasTables = false
    var hasRules = false
    /// A longer text, in UTF-16 code units, is not parsed.
    var lengthLimit = Int.max

    static let v77 = GrammarRules(wantsEmoticonNeighbor: true)
    static let v83 = GrammarRules(
        wantsEmoticonNeighbor: true, hasSpoilers: true, hasDateTimestamps: true, balancesParentheses: true,
        endsLabelAtNextLink: true, trimsAtEnd: true, hasEmptyQuoteLines: true, linksIPAddresses: true,
        closesFences: true)
    static let v90 = {
        var rules = v83
        rules.closesFences = false
        rules.hasTables = true
        rules.hasRules = true
        rules.lengthLimit = 10_000
        return rules
    }()
    /// The mobile app has the parser of 7.7 and passes no options.
    static let mobile = GrammarRules(
        hasEmoticons: false, hasColors: false, hasMath: false, wantsEmoticonNeighbor: true)
}
