import Alerts
import Support

/// The links below an alert's text. Their labels are fixed words and their targets safe URLs.
struct AlertLinks {
    private struct Link {
        var label: String
        var url: String
    }

    private var links: [Link] = []
    /// Whether a safe URL was left out because it is too long.
    private(set) var isShortened = false
    private let limit: Int

    /// Only firing alerts get a link to a silence.
    ///
    /// - Parameter limit: the most bytes of a URL.
    init(alert: Alert, externalURL: String, limit: Int) {
        self.limit = limit
        for label in ["Runbook", "Dashboard", "Panel", "Logs"] {
            let annotations = alert.annotations.pairs.filter {
                Self.label(ofAnnotation: $0.name, value: $0.value) == label
            }
            for (index, value) in annotations.map(\.value).distinct.enumerated() {
                add(index == 0 ? label : "\(label) \(index + 1)", value)
            }
        }
        add("Source", alert.generatorURL)
        if alert.status == .firing, let url = SilenceForm.url(base: externalURL, labels: alert.labels, limit: limit) {
            links.append(Link(label: "Silence", url: url))
        }
    }

    /// `[Runbook](https://…) · [Silence](https://…)` in at most `limit` UTF-16 units; nil if there is no link.
    mutating func line(limit: Int) -> String? {
        var line = ""
        for link in links {
            let next = (line.isEmpty ? "" : " · ") + "[\(link.label)](\(link.url))"
            guard line.utf16.count + next.utf16.count <= limit else {
                isShortened = true
                continue
            }
            line += next
        }
        return line.isEmpty ? nil : line
    }

    /// The label of an annotation's link, by the names in common rule collections. Nil for other names and for values
    /// that are not a safe URL, which are shown as text.
    static func label(ofAnnotation name: String, value: String) -> String? {
        guard let label = names[name.lowercased()], SafeURL(value, limit: .max) != nil else { return nil }
        return label
    }

    private static let names = [
        "runbook_url": "Runbook", "runbookurl": "Runbook", "runbook": "Runbook", "runbook_link": "Runbook",
        "dashboard_url": "Dashboard", "dashboardurl": "Dashboard", "dashboard": "Dashboard",
        "dashboard_link": "Dashboard", "grafana_url": "Dashboard", "grafana": "Dashboard",
        "panel_url": "Panel", "panelurl": "Panel", "logs_url": "Logs", "logs": "Logs",
    ]

    private mutating func add(_ label: String, _ raw: String) {
        if let url = SafeURL(raw, limit: limit) {
            links.append(Link(label: label, url: url.string))
        } else if SafeURL(raw, limit: .max) != nil {
            isShortened = true
        }
    }
}

/// The address of Alertmanager's form for a new silence, filled with the matchers of one alert.
enum SilenceForm {
    /// The characters that end a matcher's name in Alertmanager's form (ui/app/src/Utils/Filter.elm). A name with one of
    /// them has no matcher, and a filter without it would silence other alerts.
    private static let reserved = Set("{}!=~,\\\"'` \t\n\u{0B}\u{0C}\r\u{85}\u{A0}".unicodeScalars)

    /// Nil if `base` is not a safe URL, a label's name cannot be written, or the URL is over the limit.
    static func url(base: String, labels: Labels, limit: Int) -> String? {
        let pairs = labels.pairs.filter { !$0.value.isEmpty }
        guard !pairs.isEmpty, let base = SafeURL(base, limit: limit)?.string else { return nil }
        guard pairs.allSatisfy({ isWritable($0.name) }) else { return nil }
        let url = page(base) + "/#/silences/new?filter=" + SafeURL.encodedComponent(filter(pairs))
        return url.utf8.count <= limit ? url : nil
    }

    /// `{alertname="X",instance="a\"b"}`: the form parses each value as a JSON string.
    private static func filter(_ pairs: [Labels.Pair]) -> [UInt8] {
        var filter = Array("{".utf8)
        for pair in pairs {
            if filter.count > 1 { filter.append(UInt8(ascii: ",")) }
            var value = JSONWriter()
            value.string(pair.value)
            filter += Array(pair.name.utf8) + Array("=".utf8) + value.bytes
        }
        return filter + Array("}".utf8)
    }

    private static func isWritable(_ name: String) -> Bool {
        !name.isEmpty && !name.unicodeScalars.contains(where: reserved.contains)
    }

    /// The base without query, fragment and trailing slashes.
    private static func page(_ base: String) -> Substring {
        var page = base.prefix { $0 != "?" && $0 != "#" }
        while page.last == "/" { page.removeLast() }
        return page
    }
}

/// An untrusted URL that is safe in `title_link` and in `[label](url)`: absolute, http or https, and with all characters
/// percent-encoded that would end a link or start markup (docs/rocketchat.md sections 3.2 and 3.7).
struct SafeURL: Sendable, Equatable {
    let string: String

    /// Nil if the text is not an absolute lower-case http or https URL with a host, has a user name, or is longer than
    /// `limit`.
    init?(_ raw: String, limit: Int) {
        let trimmed = raw.trimmed
        guard let scheme = ["https://", "http://"].first(where: trimmed.hasPrefix), trimmed.utf8.count <= limit else {
            return nil
        }
        let rest = Array(trimmed.utf8.dropFirst(scheme.utf8.count))
        let hostEnd = rest.firstIndex { "/?#".utf8.contains($0) } ?? rest.count
        guard Self.isHost(rest[..<hostEnd]), rest.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else { return nil }
        string = scheme + Self.encoded(rest, keeping: Self.kept)
        guard string.utf8.count <= limit else { return nil }
    }

    /// Encodes all but letters, digits, `-`, `.` and `_`: for a value in a query.
    fileprivate static func encodedComponent(_ bytes: [UInt8]) -> String {
        encoded(bytes, keeping: [])
    }

    private static let kept = Set(":/?#&=%+,;".utf8)

    /// Whether the bytes are a host with an optional port. Browsers convert letters outside ASCII to punycode.
    private static func isHost(_ bytes: ArraySlice<UInt8>) -> Bool {
        guard let first = bytes.first, first != UInt8(ascii: ":") else { return false }
        return bytes.allSatisfy { isPlain($0) || $0 == UInt8(ascii: ":") || $0 >= 0x80 }
    }

    private static func encoded(_ bytes: [UInt8], keeping kept: Set<UInt8>) -> String {
        var output: [UInt8] = []
        for (index, byte) in bytes.enumerated() {
            let isStray = byte == UInt8(ascii: "%") && !isEscape(bytes[(index + 1)...])
            if isPlain(byte) || kept.contains(byte) && !isStray {
                output.append(byte)
            } else {
                output.append(contentsOf: [UInt8(ascii: "%"), hex[Int(byte >> 4)], hex[Int(byte & 15)]])
            }
        }
        return String(decoding: output, as: UTF8.self)
    }

    private static let hex = Array("0123456789ABCDEF".utf8)

    private static func isPlain(_ byte: UInt8) -> Bool {
        Unicode.Scalar(byte).isLetterOrDigit || "-._".utf8.contains(byte)
    }

    /// Whether two hex digits follow a percent sign, so that it is already an encoding.
    private static func isEscape(_ rest: ArraySlice<UInt8>) -> Bool {
        rest.count >= 2 && rest.prefix(2).allSatisfy { Unicode.Scalar($0).properties.isASCIIHexDigit }
    }
}
