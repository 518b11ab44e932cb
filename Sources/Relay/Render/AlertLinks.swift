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
