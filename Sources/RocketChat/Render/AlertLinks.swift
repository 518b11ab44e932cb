import Alerts
import Support

/// The links of an alert's attachment. Their labels are fixed words and their targets safe URLs.
struct AlertLinks {
    private struct Link {
        var label: String
        var url: SafeURL
    }

    private var links: [Link] = []
    /// Whether a safe URL was left out because it is too long.
    private(set) var isShortened = false
    private let limit: Int

    /// Only firing alerts get a link to a silence.
    ///
    /// - Parameters:
    ///   - limit: the most bytes of a URL.
    ///   - hasSource: whether the title has the link to the source.
    init(alert: Alert, externalURL: String, limit: Int, hasSource: Bool) {
        self.limit = limit
        for label in ["Runbook", "Dashboard", "Panel", "Logs"] {
            let annotations = alert.annotations.pairs.filter {
                Self.label(ofAnnotation: $0.name, value: $0.value) == label
            }
            let own = alert.grafana.flatMap { Self.link(label, of: $0) }.map { [$0] } ?? []
            for (index, value) in (annotations.map(\.value) + own).distinct.enumerated() {
                add(index == 0 ? label : "\(label) \(index + 1)", value)
            }
        }
        if !hasSource { add("Source", alert.generatorURL) }
        guard alert.status == .firing else { return }
        // Grafana has no pages of Alertmanager.
        if let grafana = alert.grafana {
            add("Silence", grafana.silenceURL)
            return
        }
        for page in [AlertmanagerPage.alerts, .newSilence] {
            guard let url = page.url(base: externalURL, labels: alert.labels, limit: limit) else { continue }
            links.append(Link(label: page.label, url: url))
        }
    }

    /// Nil if Grafana sent no safe URL for this label.
    private static func link(_ label: String, of grafana: GrafanaFields) -> String? {
        let url = label == "Dashboard" ? grafana.dashboardURL : label == "Panel" ? grafana.panelURL : ""
        return SafeURL(url, limit: .max) == nil ? nil : url
    }

    /// The list of all alerts in Alertmanager or Grafana; nil if its address is not a safe URL.
    static func alertsPage(of externalURL: String, isGrafana: Bool = false) -> String? {
        let page = isGrafana ? "/alerting/list" : "/#/alerts"
        return SafeURL(externalURL, limit: 2_000).map { AlertmanagerPage.root($0.string) + page }
    }

    /// The links that clients support as buttons only.
    var buttons: [Message.Button] {
        links.filter { !$0.url.isLinkable }.map { Message.Button(text: $0.label, url: $0.url.string) }
    }

    /// `[Runbook](https://…) · [Silence](https://…)` in at most `limit` UTF-16 units; nil if there is no link.
    mutating func line(limit: Int) -> String? {
        var line = ""
        for link in links {
            guard let markup = link.url.label(link.label) else { continue }
            let next = (line.isEmpty ? "" : " · ") + markup
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
        guard let label = names[name.lowercased()], SafeURL(annotation: value, limit: .max) != nil else { return nil }
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
            links.append(Link(label: label, url: url))
        } else if SafeURL(raw, limit: .max) != nil {
            isShortened = true
        }
    }
}

/// A page of Alertmanager, filtered by the labels of one alert.
enum AlertmanagerPage {
    /// The list of alerts.
    case alerts
    /// The form for a new silence.
    case newSilence

    var label: String {
        switch self {
        case .alerts: "Alert"
        case .newSilence: "Silence"
        }
    }

    private var path: String {
        switch self {
        case .alerts: "/#/alerts?filter="
        case .newSilence: "/#/silences/new?filter="
        }
    }

    /// The characters that end a matcher's name in Alertmanager's form (ui/app/src/Utils/Filter.elm). A name with one of
    /// them has no matcher, and a filter without it would select other alerts.
    private static let reserved = Set("{}!=~,\\\"'` \t\n\u{0B}\u{0C}\r\u{85}\u{A0}".unicodeScalars)

    /// Nil if `base` is not a safe URL, a label's name cannot be written, or the URL is over the limit.
    func url(base: String, labels: Labels, limit: Int) -> SafeURL? {
        let pairs = labels.pairs.filter { !$0.value.isEmpty }
        guard !pairs.isEmpty, labels.omitted == 0, !labels.isCut, let base = SafeURL(base, limit: limit)?.string else {
            return nil
        }
        // The filter is at least as long as the values.
        guard pairs.reduce(0, { $0 + $1.value.utf8.count }) < limit, pairs.allSatisfy({ Self.isWritable($0.name) })
        else { return nil }
        return SafeURL(Self.root(base) + path + SafeURL.encodedComponent(Self.filter(pairs)), limit: limit)
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
    static func root(_ base: String) -> String {
        var root = base.prefix { $0 != "?" && $0 != "#" }
        while root.last == "/" { root.removeLast() }
        return String(root)
    }
}
