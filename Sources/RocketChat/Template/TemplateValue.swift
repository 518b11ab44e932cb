import Alerts
import Support

/// What a name in a template refers to.
enum TemplateValue: Sendable {
    /// An untrusted text.
    case text(String)
    /// An untrusted text that a team can trust (`annotations: markdown`).
    case annotation(String)
    /// A number; never false.
    case number(Int)
    case flag(Bool)
    /// Text that the relay escaped for the message's text.
    case markup(String)
    case labels(Labels)
    case annotations(Labels)
    case pair(Labels.Pair, isAnnotation: Bool)
    case list([TemplateValue])
    // Large values, of which a rendering can have thousands.
    indirect case message(TemplateMessage)
    indirect case alert(TemplateAlert)

    /// A number that is false if it is zero.
    static func count(_ number: Int) -> TemplateValue? { number == 0 ? nil : .number(number) }

    /// The most scalars of a value that is not escaped.
    private static let rawLimit = 4_000

    /// Whether sections leave it out, and inverted sections show it.
    var isFalse: Bool {
        switch self {
        case .text(let text), .annotation(let text): SanitizedText.isBlank(text)
        case .markup(let text): text.isEmpty
        case .flag(let flag): !flag
        case .labels(let labels), .annotations(let labels): labels.pairs.isEmpty
        case .list(let items): items.isEmpty
        case .number, .pair, .message, .alert: false
        }
    }

    /// The value of a name in this scope; nil if it has none.
    func member(_ name: String) -> TemplateValue? {
        switch self {
        case .message(let message): message.value(of: name)
        case .alert(let alert): alert.value(of: name)
        case .labels(let labels): labels[name].map { .text($0) }
        case .annotations(let labels): labels[name].map { .annotation($0) }
        case .pair(let pair, let isAnnotation):
            switch name {
            case "name": .text(pair.name)
            case "value": isAnnotation ? .annotation(pair.value) : .text(pair.value)
            default: nil
            }
        case .text, .annotation, .number, .flag, .markup, .list: nil
        }
    }

    func piece(isEscaped: Bool) -> TemplatePiece {
        switch self {
        case .text(let text): isEscaped ? .value(text, mayBeMarkdown: false) : .literal(Self.raw(text))
        case .annotation(let text): isEscaped ? .value(text, mayBeMarkdown: true) : .literal(Self.raw(text))
        case .number(let number): .literal("\(number)")
        case .flag(let flag): .literal("\(flag)")
        case .markup(let text): .literal(text)
        case .labels, .annotations, .pair, .list, .message, .alert: .literal("")
        }
    }

    /// The text with its markup, without control characters.
    private static func raw(_ text: String) -> String {
        String(String.UnicodeScalarView(SanitizedText(text, keepsLines: true, limit: rawLimit).scalars))
    }
}

/// A name that templates can use.
struct TemplateName<Scope: Sendable>: Sendable {
    /// What sections make of it.
    enum Kind: Sendable {
        case single
        /// Only in the message's text, for which it is escaped.
        case markup
        /// Its members are label names.
        case labels
        case alerts
        /// A list of items with `name` and `value`.
        case pairs
    }

    let name: String
    let kind: Kind
    /// What it is, for docs/TEMPLATES.md.
    let meaning: String
    let value: @Sendable (Scope) -> TemplateValue?

    init(_ name: String, _ meaning: String, _ value: @escaping @Sendable (Scope) -> TemplateValue?) {
        self.init(name, .single, meaning, value)
    }

    init(
        _ name: String, _ kind: Kind, _ meaning: String, _ value: @escaping @Sendable (Scope) -> TemplateValue?
    ) {
        (self.name, self.kind, self.meaning, self.value) = (name, kind, meaning, value)
    }
}

extension Array {
    /// The value of a name of the list, or of a label of one of them: `commonLabels.team`.
    func value<Scope>(of name: String, in scope: Scope) -> TemplateValue? where Element == TemplateName<Scope> {
        if let exact = first(where: { $0.name == name }) { return exact.value(scope) }
        guard let labels = first(where: { $0.kind == .labels && name.hasPrefix($0.name + ".") }) else { return nil }
        return labels.value(scope)?.member(String(name.dropFirst(labels.name.count + 1)))
    }
}
