import Alerts
import Support

/// Where alerts happen, read from the labels that monitoring commonly has for it.
struct AlertLocation: Sendable, Equatable {
    /// The thing itself: a host, a pod; up to two when the alerts differ.
    var targets: [String]
    /// How many more things there are.
    var more: Int
    /// What it is part of: a cluster, a namespace.
    var scopes: [String]

    private static let thingLabels = [
        "instance", "host", "hostname", "node", "nodename", "pod", "container", "device", "service", "job",
    ]
    /// For alerts on what kube-state-metrics reports, whose `instance` and `pod` may be its own.
    private static let objectLabels = [
        "pod", "node", "deployment", "statefulset", "daemonset", "job_name", "persistentvolumeclaim", "namespace",
    ]
    private static let scopeLabels = [
        "cluster", "namespace", "environment", "env", "region", "datacenter", "site",
    ]

    init(of alerts: [Alert]) {
        let target = Self.thingLabel(of: alerts)
        let names = target.map { label in alerts.compactMap { $0.labels.visible(label) }.distinct } ?? []
        targets = Array(names.prefix(2))
        more = names.count - targets.count
        scopes = Self.scopeLabels.lazy.filter { $0 != target }
            .compactMap { Self.common($0, of: alerts) }.prefix(2).map { $0 }
    }

    /// The first label that every alert has.
    private static func thingLabel(of alerts: [Alert]) -> String? {
        let reportsObjects = alerts.contains { $0.labels["job"]?.hasSuffix("kube-state-metrics") == true }
        return (reportsObjects ? objectLabels : thingLabels).first { label in
            alerts.allSatisfy { $0.labels.visible(label) != nil }
        }
    }

    /// The label's value, where all alerts have the same.
    private static func common(_ label: String, of alerts: [Alert]) -> String? {
        guard let value = alerts.first?.labels.visible(label) else { return nil }
        return alerts.allSatisfy { $0.labels[label] == value } ? value : nil
    }

    /// ` on web-1:9100, web-2:9100 and 3 more in prod-eu`, escaped; empty when nothing is known.
    func phrase(_ escape: (String) -> String) -> String {
        var phrase = ""
        if !targets.isEmpty { phrase += " on " + targets.map(escape).joined(separator: ", ") }
        if more > 0 { phrase += " and \(more) more" }
        if !scopes.isEmpty { phrase += " in " + scopes.map(escape).joined(separator: ", ") }
        return phrase
    }
}
