import Alerts
import Posting
import Support

/// Renders the parts of a message that have templates, and collects failures.
struct TemplatedParts {
    private let templates: MessageTemplates
    private let message: TemplateMessage
    private let alerts: [Digest.Key: TemplateAlert]
    private let settings: RenderSettings
    private(set) var failures: Set<TemplateFailure> = []

    /// The most UTF-16 units of a title, of a field's title and of a field's value.
    private static let titleLimit = 300
    private static let fieldTitleLimit = 200
    private static let fieldValueLimit = 2_000

    /// - Parameter alerts: those that the message can show in full, in order of importance.
    init(
        _ templates: MessageTemplates, _ message: TemplateMessage, alerts: [Digest.Key: TemplateAlert],
        settings: RenderSettings
    ) {
        (self.templates, self.message, self.alerts, self.settings) = (templates, message, alerts, settings)
    }

    /// The text with the relay's own notices; nil for the built-in one.
    mutating func text(notices: [String]) -> String? {
        let lines = notices.joined(separator: "\n")
        let limit = settings.textBudget - lines.utf16.count - 1
        guard let text = render(.text, templates.text, [.message(message)], limit: limit) else { return nil }
        return ([text] + notices).joined(separator: "\n")
    }

    /// A card with its templated parts; the built-in one if it would be larger than `size` bytes of JSON.
    mutating func card(_ card: Message.Attachment, of key: Digest.Key, size: Int) -> Message.Attachment {
        guard templates.hasCardParts, let alert = alerts[key] else { return card }
        let scopes: [TemplateValue] = [.message(message), .alert(alert)]
        var templated = card
        if let title = render(.title, templates.title, scopes, limit: Self.titleLimit) { templated.title = title }
        if let body = render(.body, templates.body, scopes, limit: settings.textBudget) { templated.text = body }
        if let color = color(scopes) { templated.color = color }
        if let fields = fields(scopes) { templated.fields = fields }
        guard templated.jsonSize <= size else {
            failures.insert(TemplateFailure(.body, .tooLong))
            return card
        }
        return templated
    }

    private mutating func color(_ scopes: [TemplateValue]) -> String? {
        guard let template = templates.color else { return nil }
        guard let text = join(.color, template, scopes, limit: Self.titleLimit), !text.isEmpty else { return nil }
        let color = TemplateColor.hexadecimal(text)
        if color == nil { failures.insert(TemplateFailure(.color, .color)) }
        return color
    }

    /// The fields that have a title and a value: Rocket.Chat 8.0 refuses others.
    private mutating func fields(_ scopes: [TemplateValue]) -> [Message.Field]? {
        guard let templates = templates.fields else { return nil }
        var fields: [Message.Field] = []
        for field in templates {
            guard let title = join(.fields, field.title, scopes, limit: Self.fieldTitleLimit),
                let value = join(.fields, field.value, scopes, limit: Self.fieldValueLimit)
            else { return nil }
            guard !title.isEmpty, !value.isEmpty else { continue }
            let fitsHalf = value.utf16.count <= 40 && title.utf16.count <= 40 && !value.contains("\n")
            fields.append(Message.Field(title: title, value: value, isShort: field.isShort ?? fitsHalf))
        }
        return fields
    }

    private mutating func render(
        _ part: TemplatePart, _ template: Template?, _ scopes: [TemplateValue], limit: Int
    ) -> String? {
        guard let template, let text = join(part, template, scopes, limit: limit) else { return nil }
        if text.isEmpty { failures.insert(TemplateFailure(part, .empty)) }
        return text.isEmpty ? nil : text
    }

    private mutating func join(
        _ part: TemplatePart, _ template: Template, _ scopes: [TemplateValue], limit: Int
    ) -> String? {
        guard let pieces = template.pieces(scopes) else {
            failures.insert(TemplateFailure(part, .tooMuch))
            return nil
        }
        let text = TemplateText.join(
            pieces, at: template.place, annotations: settings.annotations, limit: limit)
        if text == nil { failures.insert(TemplateFailure(part, .tooLong)) }
        return text
    }
}

/// Colors in templates.
enum TemplateColor {
    /// `#RRGGBB` for a hexadecimal color or a name; nil for another text. Clients interpret names differently, so messages
    /// have none.
    static func hexadecimal(_ text: String) -> String? {
        let text = text.trimmed.lowercased()
        if let named = names[text] { return named }
        let digits = text.dropFirst()
        guard text.hasPrefix("#"), digits.allSatisfy(\.isHexDigit), digits.allSatisfy(\.isASCII) else { return nil }
        switch digits.count {
        case 3: return "#" + digits.map { "\($0)\($0)" }.joined().uppercased()
        case 6: return "#" + digits.uppercased()
        default: return nil
        }
    }

    /// Slack's names, and the basic colors of CSS.
    static let names = [
        "good": "#2E9E4F", "warning": "#F57C00", "danger": "#D32F2F",
        "black": "#000000", "silver": "#C0C0C0", "gray": "#808080", "grey": "#808080", "white": "#FFFFFF",
        "maroon": "#800000", "red": "#FF0000", "purple": "#800080", "fuchsia": "#FF00FF", "green": "#008000",
        "lime": "#00FF00", "olive": "#808000", "yellow": "#FFFF00", "navy": "#000080", "blue": "#0000FF",
        "teal": "#008080", "aqua": "#00FFFF", "orange": "#FFA500",
    ]
}
