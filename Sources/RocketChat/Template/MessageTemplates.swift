package import Alerts
import Support

/// A part of a message that a template can replace.
package enum TemplatePart: String, CaseIterable, Sendable {
    case text, title, body, fields, color
}

/// Why a part has its built-in form although it has a template.
package struct TemplateFailure: Sendable, Hashable {
    package enum Reason: String, CaseIterable, Sendable {
        case empty
        /// Longer than the part may be.
        case tooLong
        /// The engine's limits were exceeded.
        case tooMuch
        /// No color that clients show.
        case color
    }

    package var part: TemplatePart
    package var reason: Reason

    package init(_ part: TemplatePart, _ reason: Reason) {
        (self.part, self.reason) = (part, reason)
    }
}

/// The templates of a message's parts. A part without one has its built-in form.
package struct MessageTemplates: Sendable, Equatable {
    struct Field: Sendable, Equatable {
        var title: Template
        var value: Template
        /// Nil if the length decides.
        var isShort: Bool?
    }

    private(set) var text: Template?
    private(set) var title: Template?
    private(set) var body: Template?
    private(set) var color: Template?
    private(set) var fields: [Field]?

    /// The most fields of a card.
    package static let fieldLimit = 30

    package init() {}

    package var isEmpty: Bool { self == MessageTemplates() }

    /// Sets the template of any part but the fields.
    package mutating func set(_ part: TemplatePart, _ source: String) throws(TemplateError) {
        switch part {
        case .text: text = try Template(source, at: .text)
        case .title: title = try Template(source, at: .title)
        case .body: body = try Template(source, at: .body)
        case .color: color = try Template(source, at: .color)
        case .fields: bug("fields have several templates")
        }
    }

    /// Begins a list of fields.
    package mutating func clearFields() { fields = [] }

    /// Compiles the template of a field's title. Fails like `set`.
    package static func fieldTitle(_ source: String) throws(TemplateError) -> FieldTemplate {
        FieldTemplate(compiled: try Template(source, at: .fieldTitle))
    }

    /// Compiles the template of a field's value. Fails like `set`.
    package static func fieldValue(_ source: String) throws(TemplateError) -> FieldTemplate {
        FieldTemplate(compiled: try Template(source, at: .fieldValue))
    }

    package mutating func addField(_ title: FieldTemplate, _ value: FieldTemplate, isShort: Bool?) {
        fields = (fields ?? []) + [Field(title: title.compiled, value: value.compiled, isShort: isShort)]
    }

    /// The same, with the templates of `base` for the parts that have none.
    package func over(_ base: MessageTemplates) -> MessageTemplates {
        var merged = self
        merged.text = text ?? base.text
        merged.title = title ?? base.title
        merged.body = body ?? base.body
        merged.color = color ?? base.color
        merged.fields = fields ?? base.fields
        return merged
    }

    /// Whether cards differ from the built-in ones.
    var hasCardParts: Bool { title != nil || body != nil || color != nil || fields != nil }
}

/// A compiled template of a field.
package struct FieldTemplate: Sendable {
    let compiled: Template
}

/// The templates of one room: for each severity, and for the others.
package struct TemplateBook: Sendable, Equatable {
    /// For severities that have no entry.
    private var common = MessageTemplates()
    private var bySeverity: [Severity: MessageTemplates] = [:]
    /// The receiver whose room it is; nil for the room of a severity.
    private(set) var receiver: String?

    package init() {}

    package subscript(severity: Severity) -> MessageTemplates { bySeverity[severity] ?? common }

    /// The book with templates that override its own, part by part: those of a severity, then those for all.
    package func overridden(
        by templates: MessageTemplates, severities: [Severity: MessageTemplates] = [:]
    ) -> TemplateBook {
        var book = self
        book.common = templates.over(common)
        for severity in Severity.allCases {
            book.bySeverity[severity] = (severities[severity]?.over(templates) ?? templates).over(self[severity])
        }
        return book
    }

    /// The book of a receiver's room.
    package func named(_ receiver: String) -> TemplateBook {
        var book = self
        book.receiver = receiver
        return book
    }
}
