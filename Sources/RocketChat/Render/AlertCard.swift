import Alerts
import Posting
import Support

/// Renders one alert in full: as an attachment with state, name, place, times and links, or as a paragraph.
struct AlertCard {
    let severity: Severity
    let labels: LabelTable
    let settings: RenderSettings
    let now: Timestamp
    /// The message has no other alert.
    let isOnly: Bool
    /// The headline has the whole summary.
    let omitsSummary: Bool
    /// The headline has the whole place.
    let omitsPlace: Bool

    private static let shortenedMarker = "(shortened, full text in Prometheus/Alertmanager)"

    /// An attachment of at most `size` bytes of JSON, or the smallest that identifies the alert.
    func render(_ detail: Digest.Detail, limits: CardLimits, size: Int) -> Message.Attachment {
        let attachment = render(detail, limits: limits)
        guard attachment.jsonSize > size, limits.tightened != limits else { return attachment }
        return render(detail, limits: limits.tightened, size: size)
    }

    private func render(_ detail: Digest.Detail, limits: CardLimits) -> Message.Attachment {
        let alert = detail.alert
        var isShortened = false
        let fields = fields(of: alert, limits: limits, isShortened: &isShortened)
        let titleLink = SafeURL(alert.generatorURL, limit: limits.url * 2)?.string
        let links = AlertLinks(
            alert: alert, externalURL: detail.externalURL, limit: limits.url, hasSource: titleLink != nil)
        return Message.Attachment(
            color: severity.color(of: alert.status), title: title(of: alert, limit: limits.title), titleLink: titleLink,
            text: text(of: alert, links, limits: limits, isShortened: isShortened),
            imageURL: alert.grafana.flatMap { SafeURL($0.imageURL, limit: limits.url) }?.string, fields: fields,
            buttons: links.buttons)
    }

    /// `FIRING HighCPUUsage on web-1:9100`. The web client cuts a title at its end.
    private func title(of alert: Alert, limit: Int) -> String {
        let state = alert.status == .firing ? "FIRING" : "RESOLVED"
        let place = isOnly ? nil : alert.target
        let phrase = place.map { " on " + Escape.title($0, limit: limit).string } ?? ""
        return "\(state) \(Escape.title(alert.displayName, limit: limit).string)\(phrase)"
    }

    private func text(of alert: Alert, _ links: AlertLinks, limits: CardLimits, isShortened: Bool) -> String {
        var (links, isShortened) = (links, isShortened)
        var lines: [String] = []
        let summary = omitsSummary ? nil : alert.summary
        // Without details the summary can be a description.
        let summaryLimit = alert.details == nil ? limits.details : limits.summary
        for (value, limit) in [(summary, summaryLimit), (alert.details, limits.details)] {
            guard let value else { continue }
            let escaped = annotation(value, limit: limit)
            isShortened = isShortened || escaped.isShortened
            if escaped.string.isEmpty { continue }
            // An empty line ends a list, which would include the next line.
            let endsInList = settings.annotations == .markdown && TrustedMarkdown.endsInList(escaped.string)
            lines.append(escaped.string + (endsInList ? "\n" : ""))
        }
        lines.append(alert.history(now: now, zone: settings.zone))
        let used = lines.reduce(Self.shortenedMarker.utf16.count + 60) { $0 + $1.utf16.count + 1 }
        let line = links.line(limit: limits.text - used)
        let omitted = alert.labels.omitted + alert.annotations.omitted
        if omitted > 0 { lines.append("Labels and annotations that are not shown: \(omitted)") }
        let isCut = alert.labels.isCut || alert.annotations.isCut
        if isShortened || links.isShortened || isCut { lines.append(Self.shortenedMarker) }
        return (lines + [line].compactMap { $0 }).joined(separator: "\n")
    }

    private func annotation(_ value: String, limit: Int) -> Escaped {
        if let url = SafeURL(annotation: value, limit: limit)?.bare { return Escaped(string: url, isShortened: false) }
        switch settings.annotations {
        case .text: return Escape.attachment(value, limit: limit)
        case .markdown: return TrustedMarkdown.attachment(value, limit: limit)
        }
    }

    // MARK: Fields

    private func fields(of alert: Alert, limits: CardLimits, isShortened: inout Bool) -> [Message.Field] {
        let place = omitsPlace ? alert.target : nil
        let shown = labels.own(of: alert).filter { $0.value != place || $0.name == "alertname" }
        let annotations = alert.otherAnnotations
        var values: [Message.Field] = []
        if let text = alert.grafana?.values {
            let escaped = Escape.value(text, in: .attachment, limit: limits.value)
            isShortened = escaped.isShortened
            values += [Self.field("Values", escaped.string)].compactMap { $0 }
        }
        isShortened = isShortened || shown.count + annotations.count > limits.fields
        let pairs = shown.map { (pair: $0, isAnnotation: false) } + annotations.map { (pair: $0, isAnnotation: true) }
        return values
            + pairs.prefix(limits.fields).compactMap { pair, isAnnotation in
                let value =
                    isAnnotation
                    ? annotation(pair.value, limit: limits.value)
                    : Escape.value(pair.value, in: .attachment, limit: limits.value)
                let title = Escape.fieldTitle(pair.name, limit: 80)
                isShortened = isShortened || title.isShortened || value.isShortened
                return Self.field(title.string, value.string)
            }
    }

    /// Nil if Rocket.Chat 8.0 would refuse the message because of the field.
    private static func field(_ title: String, _ value: String) -> Message.Field? {
        guard !title.isEmpty, !value.isEmpty else { return nil }
        let isShort = value.utf16.count <= 40 && title.utf16.count <= 40 && !value.contains("\n")
        return Message.Field(title: title, value: value, isShort: isShort)
    }

    // MARK: Without attachments

    /// `HighCPUUsage on web-1:9100 - Firing since … - CPU above 90 % - job = node`, on one line of at most `limit` units.
    func paragraph(_ alert: Alert, limit: Int) -> String {
        var text = Escape.text(alert.displayName, limit: limit / 4).string
        text += AlertLocation(of: [alert]).phrase { Escape.value($0, in: .text, limit: limit / 12).string }
        text += " - " + alert.history(now: now, zone: settings.zone)
        guard text.utf16.count <= limit else { return "" }
        var pieces: [String] = []
        if let summary = alert.summary { pieces.append(Escape.text(summary, limit: limit / 4).string) }
        if let values = alert.grafana?.values { pieces.append(Escape.value(values, in: .text, limit: 120).string) }
        pieces += labels.own(of: alert).map {
            Escape.text($0.name, limit: 60).string + " = " + Escape.value($0.value, in: .text, limit: 120).string
        }
        for piece in pieces where text.utf16.count + piece.utf16.count + 3 <= limit { text += " - " + piece }
        return text
    }
}

/// The limits of an attachment, in UTF-16 units and counts.
struct CardLimits: Sendable, Equatable {
    var text: Int
    var title: Int
    var summary: Int
    var details: Int
    var value: Int
    var fields: Int
    /// The bytes of one URL, near the limits of browsers and proxies.
    var url: Int

    /// The limits for an attachment with a text of `text` units.
    init(text: Int) {
        self.text = text
        title = 160
        summary = min(400, text / 6)
        details = min(1_500, text / 3)
        value = 300
        fields = 30
        url = 2_000
    }

    /// Half of all limits but the title's, for an alert that alone exceeds a message.
    fileprivate var tightened: CardLimits {
        var half = self
        half.text = max(200, text / 2)
        half.summary /= 2
        half.details /= 2
        half.value /= 2
        half.fields /= 2
        half.url /= 2
        return half
    }
}

extension Alert {
    /// The annotations that are shown as fields.
    fileprivate var otherAnnotations: [Labels.Pair] {
        annotations.pairs.filter { pair in
            pair.value != summary && pair.value != details && !SanitizedText.isBlank(pair.value)
                && AlertLinks.label(ofAnnotation: pair.name, value: pair.value) == nil
        }
    }
}
