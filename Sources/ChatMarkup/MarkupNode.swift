/// An inline element of a message: text or a construct within a line.
package indirect enum MarkupInline: Equatable, Sendable {
    case text(String)
    case code(String)
    case bold([MarkupInline])
    case italic([MarkupInline])
    case strike([MarkupInline])
    case spoiler([MarkupInline])
    case link(label: [MarkupInline], url: String)
    case image(label: String, url: String)
    /// A user or a group such as `all`, without the `@`.
    case mention(String)
    /// A room, without the `#`.
    case channel(String)
    /// A short name such as `:fire:` or an emoticon such as `:)`, as written.
    case emoji(String)
    /// A character of Unicode's emoji blocks. It is shown as written.
    case unicodeEmoji(String)
    /// The digits of a color swatch, without the `#`.
    case color(String)
    case timestamp(value: String, format: String)
    /// KaTeX.
    case math(String)
    case lineBreak

    /// Whether an emoji replaces what is written.
    var isWrittenEmoji: Bool {
        if case .emoji = self { true } else { false }
    }
}

/// A block of a message.
package indirect enum MarkupBlock: Equatable, Sendable {
    case paragraph([MarkupInline])
    case heading(level: Int, [MarkupInline])
    case quote([MarkupBlock])
    /// A fenced or indented block of code.
    case code(String)
    case list(MarkupList.Kind, [MarkupList.Item])
    case math(String)
    case spoiler([MarkupBlock])
    case table(header: [[MarkupInline]], rows: [[[MarkupInline]]])
    case rule
    /// One to three emoji without any text, which clients draw large.
    case bigEmoji([MarkupInline])
    /// An empty line, or the end of a line that a block such as a heading left.
    case lineBreak
}

/// The parts of a list.
package enum MarkupList {
    package enum Kind: Sendable { case bullets, numbers, tasks }

    package struct Item: Equatable, Sendable {
        package var blocks: [MarkupBlock]
        /// The number of an item of a numbered list.
        package var number: Int?
        /// Whether a task is done; nil if the item is no task.
        package var isDone: Bool?

        package init(blocks: [MarkupBlock], number: Int? = nil, isDone: Bool? = nil) {
            self.blocks = blocks
            self.number = number
            self.isDone = isDone
        }
    }
}

/// A construct in a text: everything that is not shown as plain text.
package struct LiveConstruct: Equatable, Sendable {
    /// The raw values are the names of the nodes of Rocket.Chat's message parser.
    package enum Kind: String, Sendable {
        case bold = "BOLD"
        case italic = "ITALIC"
        case strike = "STRIKE"
        case spoiler = "SPOILER"
        case code = "INLINE_CODE"
        case fence = "CODE"
        case link = "LINK"
        case image = "IMAGE"
        case mention = "MENTION_USER"
        case channel = "MENTION_CHANNEL"
        case emoji = "EMOJI"
        case bigEmoji = "BIG_EMOJI"
        case color = "COLOR"
        case timestamp = "TIMESTAMP"
        case inlineMath = "INLINE_KATEX"
        case math = "KATEX"
        case heading = "HEADING"
        case quote = "QUOTE"
        case bulletList = "UNORDERED_LIST"
        case numberedList = "ORDERED_LIST"
        case listItem = "LIST_ITEM"
        case tasks = "TASKS"
        case checkbox = "TASK"
        case spoilerBlock = "SPOILER_BLOCK"
        case table = "TABLE"
        case rule = "HORIZONTAL_RULE"
    }

    package var kind: Kind
    /// What is shown of it.
    package var text: String
    /// Where a link or an image leads.
    package var url: String?
    /// The number of constructs around it.
    package var depth: Int
}
