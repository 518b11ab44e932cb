import Alerts
import Support

/// The links below an alert's text: only our own words as labels, only safe URLs as targets.
struct AlertLinks {
    private struct Link {
        var label: String
        var url: String
    }

    private var links: [Link] = []
    /// Whether a safe URL was left out because it is too long.
    private(set) var isShortened = false
    private let limit: Int

    /// A silence of a resolved alert would be of no use, so only firing ones offer it. `limit` is in bytes of a URL.
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

    /// `[Runbook](https://…) · [Silence](https://…)` in at most `limit` UTF-16 units; nil when there is no link.
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

    /// The link that an annotation is, by the names that rule collections use; nil for other names and for values
    /// that are no safe URL, which stay visible as text.
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
    /// What Alertmanager's page ends a matcher's name at (ui/app/src/Utils/Filter.elm); such a name cannot be
    /// written, and one matcher less would silence more than the alert.
    private static let reserved = Set("{}!=~,\\\"'` \t\n\u{0B}\u{0C}\r\u{85}\u{A0}".unicodeScalars)

    /// Nil when `base` is no safe URL, a label's name cannot be written, or it gets too long.
    static func url(base: String, labels: Labels, limit: Int) -> String? {
        let pairs = labels.pairs.filter { !$0.value.isEmpty }
        guard !pairs.isEmpty, let base = SafeURL(base, limit: limit)?.string else { return nil }
        guard pairs.allSatisfy({ isWritable($0.name) }) else { return nil }
        let url = page(base) + "/#/silences/new?filter=" + SafeURL.encodedComponent(filter(pairs))
        return url.utf8.count <= limit ? url : nil
    }

    /// `{alertname="X",instance="a\"b"}`: the page reads each value as a JSON string.
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

    /// The base without query, fragment and closing slashes.
    private static func page(_ base: String) -> Substring {
        var page = base.prefix { $0 != "?" && $0 != "#" }
        while page.last == "/" { page.removeLast() }
        return page
    }
}

/// A URL from outside that is safe in `title_link` and in a `[label](url)`: absolute, http or https, and with
/// everything percent-encoded that would end a link or start markup (docs/rocketchat.md sections 3.2 and 3.7).
struct SafeURL: Sendable, Equatable {
    let string: String

    /// Nil when it is not an absolute lower-case http or https URL with a host, hides the host behind a user name, or
    /// becomes longer than `limit`.
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

    /// Encodes all but letters, digits, `-`, `.` and `_`: fit for a value inside a query.
    fileprivate static func encodedComponent(_ bytes: [UInt8]) -> String {
        encoded(bytes, keeping: [])
    }

    private static let kept = Set(":/?#&=%+,;".utf8)

    /// A host and perhaps a port. Letters beyond ASCII pass, since browsers turn them into punycode.
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

    /// Whether two hex digits follow, so that the percent sign before them is an encoding already.
    private static func isEscape(_ rest: ArraySlice<UInt8>) -> Bool {
        rest.count >= 2 && rest.prefix(2).allSatisfy { Unicode.Scalar($0).properties.isASCIIHexDigit }
    }
}
