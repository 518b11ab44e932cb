package import Alerts
package import Posting
import Support

/// Composes the alerts of a digest into one message: the worst in full, the next as lines, the rest as counts.
///
/// One notification, several folded ones and each form of them are composed here. The same input gives the same message.
package struct MessageComposer {
    /// Up to this number, all alerts are shown in full.
    private static let fullLimit = 5
    /// If there are more: the number of alerts shown in full, one of each name.
    private static let leadLimit = 8
    /// The most alerts that a template can name.
    private static let templateLimit = 64
    /// The most UTF-16 units of a list, whatever the server accepts: nobody reads more.
    private static let listLimit = 10_000

    private let digest: Digest
    private let settings: RenderSettings
    private let banner: MessageBanner
    private let now: Timestamp
    private let headline: Headline
    private let labels: LabelTable
    private let ranked: [(key: Digest.Key, entry: Digest.Entry)]

    /// - Parameter repeats: how often Alertmanager has repeated the notification; nil if it is not known.
    package init(
        _ digest: Digest, settings: RenderSettings, now: Timestamp, banner: MessageBanner = MessageBanner(),
        repeats: Int? = nil
    ) {
        self.digest = digest
        self.settings = settings
        self.banner = banner
        self.now = now
        labels = LabelTable(digest: digest, settings: settings)
        ranked = digest.ranked(digest.entries.keys)
        headline = Headline(
            digest: digest, ranked: ranked.map(\.entry), labels: labels, settings: settings, banner: banner,
            repeats: repeats, now: now)
    }

    /// The message with attachments. It is within the limits of the settings.
    package func message() -> Message { composed().message }

    /// The message with attachments, and the templates that could not be used for it.
    package func composed() -> (message: Message, failures: Set<TemplateFailure>) {
        let leading = leading
        var templates = templatedParts()
        var full = leading.count
        while true {
            let message = message(leading.prefix(full), &templates)
            if full == 0 || message.json().count <= settings.maxBodyBytes { return (message, templates.failures) }
            full /= 2
        }
    }

    /// The message without attachments, for a room that refuses the full one.
    package func plainMessage() -> Message {
        let budget = settings.textBudget
        var lines = headline.lines(limit: budget / 2)
        var remaining = budget - lines.reduce(0) { $0 + $1.utf16.count + 1 }
        let leading = leading
        // The other half of what remains is for lines and counts.
        let share = min(1_200, remaining / (leading.count == ranked.count ? 1 : 2) / max(1, leading.count) - 1)
        var shown: Set<Digest.Key> = []
        for (key, detail) in leading {
            let paragraph = card(isOnly: false).paragraph(detail.alert, limit: share)
            guard !paragraph.isEmpty, paragraph.utf16.count < remaining else { continue }
            lines.append(paragraph)
            remaining -= paragraph.utf16.count + 1
            shown.insert(key)
        }
        for list in lists(without: shown) {
            guard let rendered = list.rendered(in: .text, limit: remaining - 200) else { continue }
            lines.append("\(rendered.title):\n\(rendered.text)")
            remaining -= rendered.title.utf16.count + rendered.text.utf16.count + 2
            shown.formUnion(rendered.keys)
        }
        if let rest = AlertCounts(digest, without: shown).rendered(in: .text, limit: remaining - 60) {
            lines.append("\(rest.title): \(rest.text)")
        }
        return Message(text: lines.joined(separator: "\n"))
    }

    // MARK: Selection

    /// The alerts to show in full: all, or the first of each name.
    private var leading: [(key: Digest.Key, detail: Digest.Detail)] {
        let visible = ranked.filter { $0.entry.state != .flapped }
        var chosen = visible
        if ranked.count > Self.fullLimit || !digest.overflow.isEmpty {
            var names: Set<String> = []
            chosen = visible.filter { digest.details[$0.key] != nil && names.insert($0.entry.name).inserted }
        }
        return chosen.prefix(Self.leadLimit).compactMap { chosen in
            digest.details[chosen.key].map { (chosen.key, $0) }
        }
    }

    private func lists(without shown: Set<Digest.Key>) -> [AlertList] {
        [Digest.State.firing, .flapped, .resolved].map { state in
            AlertList(
                entries: ranked.filter { $0.entry.state == state && !shown.contains($0.key) }, state: state,
                commonLabels: digest.commonLabels, isRest: !shown.isEmpty)
        }
    }

    // MARK: Parts

    private func message(
        _ leading: ArraySlice<(key: Digest.Key, detail: Digest.Detail)>, _ templates: inout TemplatedParts
    ) -> Message {
        let limits = CardLimits(text: settings.textBudget)
        let size = settings.maxBodyBytes / (Self.leadLimit + 1)
        var attachments: [Message.Attachment] = []
        for (key, detail) in leading {
            var attachment = card(isOnly: ranked.count == 1 && digest.overflow.isEmpty)
                .render(detail, limits: limits, size: size)
            attachment = templates.card(attachment, of: key, size: size)
            // Phones show open attachments above the text.
            attachment.isCollapsed = attachments.count >= Self.fullLimit
            attachments.append(attachment)
        }
        var shown = Set(leading.map(\.key))
        let link = AlertLinks.alertsPage(of: digest.externalURL, isGrafana: digest.isGrafana)
        let limit = min(settings.textBudget, Self.listLimit)
        for list in lists(without: shown) {
            guard let rendered = list.rendered(in: .attachment, limit: limit) else { continue }
            attachments.append(
                Message.Attachment(
                    color: digest.severity.color(of: list.state == .firing ? .firing : .resolved),
                    title: rendered.title, titleLink: link, text: rendered.text))
            shown.formUnion(rendered.keys)
        }
        if let rest = AlertCounts(digest, without: shown).rendered(in: .attachment, limit: limit) {
            attachments.append(
                Message.Attachment(color: "#757575", title: rest.title, titleLink: link, text: rest.text))
        }
        if let duration = settings.silenceButton {
            let buttons = SilenceButtons(digest: digest, duration: duration)
            attachments += [buttons.attachment(for: leading.map(\.detail))].compactMap { $0 }
        }
        let text =
            templates.text(notices: headline.notices)
            ?? headline.lines(limit: settings.textBudget).joined(separator: "\n")
        return Message(text: text, attachments: attachments, emoji: settings.emoji, alias: settings.alias)
    }

    private func card(isOnly: Bool) -> AlertCard {
        AlertCard(
            severity: digest.severity, labels: labels, settings: settings, now: now, isOnly: isOnly,
            omitsSummary: showsHeadline && isOnly && headline.showsSummary(limit: settings.textBudget),
            omitsPlace: showsHeadline && isOnly && headline.showsPlace(limit: settings.textBudget))
    }

    /// Whether the text is the built-in one.
    private var showsHeadline: Bool { settings.templates[digest.severity].text == nil }

    private func templatedParts() -> TemplatedParts {
        let templates = settings.templates[digest.severity]
        let shown: [(Digest.Key, TemplateAlert)] =
            templates.isEmpty
            ? []
            : ranked.compactMap { ranked in
                guard ranked.entry.state != .flapped, let detail = digest.details[ranked.key] else { return nil }
                let alert = TemplateAlert(
                    detail: detail, severity: digest.severity, labels: labels, settings: settings, now: now)
                return (ranked.key, alert)
            }
        return TemplatedParts(
            templates,
            TemplateMessage(
                digest: digest,
                totals: templates.isEmpty ? Digest.Count() : digest.counts().values.reduce(Digest.Count(), +),
                alerts: shown.prefix(Self.templateLimit).map(\.1),
                headline: templates.isEmpty ? "" : headline.lines(limit: settings.textBudget).first ?? "",
                banner: banner, settings: settings, now: now),
            alerts: Dictionary(uniqueKeysWithValues: shown), settings: settings)
    }
}

extension MessageComposer {
    /// Composes one notification.
    package init(
        _ payload: Payload, severity: Severity, settings: RenderSettings, now: Timestamp,
        banner: MessageBanner = MessageBanner(), repeats: Int? = nil
    ) {
        var digest = Digest(severity: severity)
        digest.add(payload)
        self.init(digest, settings: settings, now: now, banner: banner, repeats: repeats)
    }
}
