@testable import Alerts
@testable import Posting
@testable import RocketChat

extension MessageTemplates {
    /// Templates of some parts. A field is a title and a value.
    static func make(
        text: String? = nil, title: String? = nil, body: String? = nil, fields: [(String, String)]? = nil,
        color: String? = nil
    ) throws(TemplateError) -> MessageTemplates {
        var templates = MessageTemplates()
        for (part, source) in [(TemplatePart.text, text), (.title, title), (.body, body), (.color, color)] {
            if let source { try templates.set(part, source) }
        }
        if fields != nil { templates.clearFields() }
        for (title, value) in fields ?? [] {
            try templates.addField(
                MessageTemplates.fieldTitle(title), MessageTemplates.fieldValue(value), isShort: nil)
        }
        return templates
    }
}

extension RenderSettings {
    static func templated(
        _ templates: MessageTemplates, annotations: AnnotationMarkup = .text, textLimit: Int = 5_000
    ) -> RenderSettings {
        RenderSettings(
            textLimit: textLimit, annotations: annotations, templates: TemplateBook().overridden(by: templates))
    }
}

extension MessageComposer {
    /// Composes one notification ten minutes after the alerts began.
    static func templated(
        _ payload: Payload, _ templates: MessageTemplates, severity: Severity = .critical,
        annotations: AnnotationMarkup = .text, textLimit: Int = 5_000
    ) -> (message: Message, failures: Set<TemplateFailure>) {
        MessageComposer(
            payload, severity: severity,
            settings: .templated(templates, annotations: annotations, textLimit: textLimit), now: .start.plus(600)
        ).composed()
    }
}
