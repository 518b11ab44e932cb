package import Alerts
import Support

/// The limits and options of rendering.
package struct RenderSettings: Sendable, Equatable {
    /// Rocket.Chat's `Message_MaxAllowedSize`, in UTF-16 units; the renderer stays a tenth below it.
    package var textLimit: Int
    /// The limit of a request body. Less than 1 MiB, above which nginx responds with 413 by default.
    package var maxBodyBytes: Int
    /// The labels to show, in this order; all labels if empty.
    package var shownLabels: [String]
    /// Labels to hide. The defaults name one of several Prometheus servers, and how it reached an exporter.
    package var hiddenLabels: [String]
    /// The avatar as a short name, `:fire:`.
    package var emoji: String?
    /// The sender's name; nil uses that of the integration.
    package var alias: String?
    package var annotations: AnnotationMarkup
    /// The zone of times in messages.
    package var zone: DisplayZone
    package var templates: TemplateBook
    /// The length of the silence that a button sets, as `!silence` reads it; nil for no buttons.
    package var silenceButton: String?

    package init(
        textLimit: Int = 5_000, maxBodyBytes: Int = 900_000, shownLabels: [String] = [],
        hiddenLabels: [String] = defaultHiddenLabels, emoji: String? = nil, alias: String? = nil,
        annotations: AnnotationMarkup = .text, zone: DisplayZone = .utc, templates: TemplateBook = TemplateBook(),
        silenceButton: String? = nil
    ) {
        expect(textLimit >= 100 && maxBodyBytes >= 4_096, "the render limits are too small")
        // No text comes near it, and nine tenths of it do not overflow.
        self.textLimit = min(textLimit, 1 << 30)
        self.maxBodyBytes = maxBodyBytes
        self.shownLabels = shownLabels
        self.hiddenLabels = hiddenLabels
        self.emoji = emoji
        self.alias = alias
        self.annotations = annotations
        self.zone = zone
        self.templates = templates
        self.silenceButton = silenceButton
    }

    package static let defaultHiddenLabels = ["prometheus", "prometheus_replica", "endpoint", "uid"]

    /// The most UTF-16 units of a text: a tenth below the server's limit, and at most an eighth of the body.
    package var textBudget: Int { min(textLimit * 9 / 10, maxBodyBytes / 8) }
}

/// How annotations are shown.
package enum AnnotationMarkup: String, CaseIterable, Sendable {
    /// As they are written: nothing in them is live, except a URL.
    case text
    /// With bold text, code, lists and links to http and https, for teams that trust their rules.
    case markdown
}
