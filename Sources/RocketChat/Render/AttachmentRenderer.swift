import Alerts
import Support

/// Renders one alert as an attachment: name, location, times and links.
struct AttachmentRenderer: Sendable {
    let severity: Severity
    let labels: LabelTable
    /// Alertmanager's address; untrusted.
    let externalURL: String
    let now: Timestamp

    private static let shortenedMarker = "(shortened, full text in Prometheus/Alertmanager)"

    /// An attachment of at most `size` bytes of JSON, or the smallest that identifies the alert.
    func render(_ alert: Alert, limits: AttachmentLimits, size: Int) -> Message.Attachment {
        let attachment = render(alert, limits: limits)
        guard attachment.jsonSize > size, limits.tightened != limits else { return attachment }
        return render(alert, limits: limits.tightened, size: size)
    }

    private func render(_ alert: Alert, limits: AttachmentLimits) -> Message.Attachment {
        var isShortened = false
        let fields = fields(of: alert, limits: limits, isShortened: &isShortened)
        return Message.Attachment(
            color: severity.color(of: alert.status),
            title: title(of: alert, limit: limits.title),
            titleLink: SafeURL(alert.generatorURL, limit: limits.url * 2)?.string,
            text: text(of: alert, limits: limits, isShortened: isShortened),
            fields: fields)
    }

    /// `HighCPUUsage on web-1:9100 - firing`.
    private func title(of alert: Alert, limit: Int) -> String {
        let name = Escape.title(alert.displayName, limit: limit).string
        // A name derived from the summary or the labels contains the location.
        let place = alert.labels.visible("alertname") == nil ? nil : AlertLocation(of: [alert]).targets.first
        let phrase = place.map { " on " + Escape.title($0, limit: limit).string } ?? ""
        return "\(name)\(phrase) - \(alert.status.rawValue)"
    }

    private func text(of alert: Alert, limits: AttachmentLimits, isShortened: Bool) -> String {
        var isShortened = isShortened
        var lines: [String] = []
        for (value, limit) in [(alert.summary, limits.summary), (alert.details, limits.details)] {
            guard let value else { continue }
            let escaped = Escape.attachment(value, limit: limit)
            isShortened = isShortened || escaped.isShortened
            if !escaped.string.isEmpty { lines.append(escaped.string) }
        }
        lines.append(alert.history(now: now))
        var links = AlertLinks(alert: alert, externalURL: externalURL, limit: limits.url)
        let used = lines.reduce(Self.shortenedMarker.utf16.count + 2) { $0 + $1.utf16.count + 1 }
        let line = links.line(limit: limits.text - used)
        if isShortened || links.isShortened { lines.append(Self.shortenedMarker) }
        return (lines + [line].compactMap { $0 }).joined(separator: "\n")
    }

    private func fields(
        of alert: Alert, limits: AttachmentLimits, isShortened: inout Bool
    ) -> [Message.Field] {
        let pairs = labels.own(of: alert) + alert.otherAnnotations
        isShortened = pairs.count > limits.fields
        return pairs.prefix(limits.fields).compactMap { pair in
            let title = Escape.title(pair.name, limit: 80)
            let value = Escape.attachment(pair.value, limit: limits.value)
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
}

/// The limits of an attachment, in UTF-16 units and counts.
struct AttachmentLimits: Sendable, Equatable {
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
    fileprivate var tightened: AttachmentLimits {
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

extension Array {
    /// Splits the elements, in order, into parts of at most `capacity` and `most` elements. An element over the capacity
    /// gets its own part.
    package func packed(capacity: Int, most: Int = .max, size: (Element) -> Int) -> [[Element]] {
        var parts: [[Element]] = []
        var used = 0
        for element in self {
            let more = size(element)
            if let last = parts.indices.last, parts[last].count < most, used + more <= capacity {
                parts[last].append(element)
                used += more
            } else {
                parts.append([element])
                used = more
            }
        }
        return parts
    }
}
