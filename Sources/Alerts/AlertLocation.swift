import Support

/// Where alerts happen, according to common location labels.
package struct AlertLocation: Sendable, Equatable {
    /// The affected objects, such as a host or a pod; up to two if the alerts differ.
    package var targets: [String]
    /// The number of further objects.
    package var more: Int
    /// The enclosing cluster, namespace and so on.
    package var scopes: [String]

    private static let targetLabels = [
        "instance", "host", "hostname", "node", "nodename", "pod", "container", "device", "service", "job",
    ]
    /// For alerts on metrics of kube-state-metrics, whose `instance` and `pod` may be those of the exporter.
    private static let objectLabels = [
        "pod", "node", "deployment", "statefulset", "daemonset", "job_name", "persistentvolumeclaim", "namespace",
    ]
    private static let scopeLabels = [
        "cluster", "namespace", "environment", "env", "region", "datacenter", "site",
    ]

    package init(targets: [String], more: Int, scopes: [String]) {
        self.targets = targets
        self.more = more
        self.scopes = scopes
    }

    package init(of alerts: [Alert]) {
        let target = Self.targetLabel(of: alerts)
        let names = target.map { label in alerts.compactMap { $0.labels.visible(label) }.distinct } ?? []
        targets = Array(names.prefix(2))
        more = names.count - targets.count
        scopes = Self.scopeLabels.lazy.filter { $0 != target }
            .compactMap { Self.common($0, of: alerts) }.prefix(2).map { $0 }
    }

    /// The enclosing cluster and namespace among labels.
    package static func scopes(in labels: [Labels.Pair]) -> [String] {
        let labels = Labels(pairs: labels)
        return scopeLabels.lazy.compactMap { labels.visible($0) }.prefix(2).map { $0 }
    }

    /// The first label that every alert has.
    private static func targetLabel(of alerts: [Alert]) -> String? {
        let reportsObjects = alerts.contains { $0.labels["job"]?.hasSuffix("kube-state-metrics") == true }
        return (reportsObjects ? objectLabels : targetLabels).first { label in
            alerts.allSatisfy { $0.labels.visible(label) != nil }
        }
    }

    /// The label's value if all alerts have the same one.
    private static func common(_ label: String, of alerts: [Alert]) -> String? {
        guard let value = alerts.first?.labels.visible(label) else { return nil }
        return alerts.allSatisfy { $0.labels[label] == value } ? value : nil
    }

    /// ` on web-1:9100, web-2:9100 and 3 more in prod-eu`, escaped; empty when nothing is known.
    package func phrase(_ escape: (String) -> String) -> String {
        var phrase = ""
        if !targets.isEmpty { phrase += " on " + targets.map(escape).joined(separator: ", ") }
        if more > 0 { phrase += " and \(more) more" }
        if !scopes.isEmpty { phrase += " in " + scopes.map(escape).joined(separator: ", ") }
        return phrase
    }
}

extension Alert {
    /// The affected object. Nil without an alert name: a name derived from the summary or the labels contains it.
    package var target: String? {
        labels.visible("alertname") == nil ? nil : AlertLocation(of: [self]).targets.first
    }
}
