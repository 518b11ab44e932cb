import Alerts
import Posting

/// A template that does not work for the sample bodies.
package struct TemplateFault: Sendable, Equatable {
    package var failure: TemplateFailure
    /// The samples for which it fails.
    package var samples: [String]
}

extension MessageTemplates {
    /// Renders the sample bodies. A part must not be empty for all of them, and must not fail otherwise for any.
    package func faults(settings: RenderSettings) -> [TemplateFault] {
        var settings = settings
        settings.templates = TemplateBook().overridden(by: self)
        var samples: [TemplateFailure: [String]] = [:]
        for sample in TemplateSample.all {
            let composer = MessageComposer(
                sample.payload, severity: .critical, settings: settings, now: TemplateSample.now)
            for failure in composer.composed().failures { samples[failure, default: []].append(sample.name) }
        }
        return samples.filter { $0.key.reason != .empty || $0.value.count == TemplateSample.all.count }
            .map { TemplateFault(failure: $0.key, samples: $0.value) }
            .sorted {
                ($0.failure.part.rawValue, $0.failure.reason.rawValue) < (
                    $1.failure.part.rawValue, $1.failure.reason.rawValue
                )
            }
    }
}

/// A notification that templates are checked with.
struct TemplateSample {
    let name: String
    let payload: Payload

    static let all = [single, group, resolved, grafana]

    /// 2026-11-23T17:04:00Z.
    private static let start = Timestamp(seconds: 1_795_453_440, nanoseconds: 0)
    static let now = Timestamp(seconds: 1_795_453_440 + 7_980, nanoseconds: 0)

    private static let single = TemplateSample("a single alert", [alert(1)])
    private static let group = TemplateSample("a group of 12 alerts", (1...12).map { alert($0) })
    private static let resolved = TemplateSample("a resolved alert", [alert(1, status: .resolved)])
    private static let grafana = TemplateSample("an alert of Grafana", [grafanaAlert], grafanaEnvelope)

    private init(_ name: String, _ alerts: [Alert], _ grafana: GrafanaEnvelope? = nil) {
        self.name = name
        let labels: Labels = ["alertname": "HighCPUUsage", "cluster": "prod-eu", "team": "infra"]
        var payload = Payload(
            receiver: "rocketchat", status: alerts.contains { $0.status == .firing } ? .firing : .resolved,
            groupKey: "{}:{alertname=\"HighCPUUsage\"}", truncatedAlerts: 0, groupLabels: labels, commonLabels: labels,
            commonAnnotations: ["runbook_url": "https://wiki.example.com/runbooks/HighCPUUsage"],
            externalURL: "https://alertmanager.example.com", alerts: alerts)
        if let grafana { payload.grafana = grafana }
        self.payload = payload
    }

    private static func alert(_ number: Int, status: AlertStatus = .firing) -> Alert {
        Alert(
            status: status,
            labels: [
                "alertname": "HighCPUUsage", "cluster": "prod-eu", "instance": "web-\(number).prod.example.com:9100",
                "job": "node", "severity": "critical", "team": "infra",
            ],
            annotations: [
                "dashboard_url": "https://grafana.example.com/d/node?var-instance=web-\(number)",
                "description": "The CPU of web-\(number) has been above 90 % for more than 10 minutes.",
                "runbook_url": "https://wiki.example.com/runbooks/HighCPUUsage", "summary": "CPU above 90 %",
            ],
            startsAt: start,
            endsAt: status == .resolved ? Timestamp(seconds: start.seconds + 3_600, nanoseconds: 0) : nil,
            generatorURL: "https://prometheus.example.com/graph?g0.expr=cpu+%3E+90&g0.tab=1",
            fingerprint: "fceee36ad97d0b7d")
    }

    private static var grafanaEnvelope: GrafanaEnvelope {
        var grafana = GrafanaEnvelope()
        grafana.title = "[FIRING:1] Disk usage Infrastructure (db-1 critical)"
        grafana.message = "**Firing**\n\nLabels:\n - alertname = Disk usage\n - instance = db-1\n"
        (grafana.state, grafana.orgID) = ("alerting", 1)
        return grafana
    }

    private static var grafanaAlert: Alert {
        var grafana = GrafanaFields()
        grafana.values = "B=91.4, C=1"
        grafana.valueString = "[ var='B' labels={host=db-1} value=91.4 ], [ var='C' labels={host=db-1} value=1 ]"
        grafana.dashboardURL = "https://grafana.example.com/d/disks?orgId=1"
        grafana.panelURL = "https://grafana.example.com/d/disks?orgId=1&viewPanel=4"
        grafana.silenceURL = "https://grafana.example.com/alerting/silence/new?alertmanager=grafana&orgId=1"
        grafana.imageURL = "https://grafana.example.com/public/img/attachments/disk.png"
        var alert = Alert(
            status: .firing,
            labels: [
                "alertname": "Disk usage", "grafana_folder": "Infrastructure", "instance": "db-1",
                "severity": "critical",
            ],
            annotations: ["summary": "Disk usage is above 90 %"], startsAt: start,
            generatorURL: "https://grafana.example.com/alerting/grafana/1afz29v7z/view?orgId=1",
            fingerprint: "c6eadffa33fcdf37")
        alert.grafana = grafana
        return alert
    }
}
