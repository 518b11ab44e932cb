@testable import Alerts
@testable import RocketChat

extension Timestamp {
    /// 2026-11-23T17:04:00Z, the moment at which the alerts of these tests begin to fire.
    static let start = Timestamp(seconds: 1_795_453_440, nanoseconds: 0)

    func plus(_ seconds: Int64) -> Timestamp {
        Timestamp(seconds: self.seconds + seconds, nanoseconds: nanoseconds)
    }
}

extension Alert {
    static func make(
        status: AlertStatus = .firing,
        labels: Labels = ["alertname": "HighCPUUsage", "instance": "web-1:9100", "severity": "critical"],
        annotations: Labels = ["summary": "CPU above 90 %"],
        startsAt: Timestamp? = .start, endsAt: Timestamp? = nil,
        generatorURL: String = "http://prometheus.example.org:9090/graph?g0.expr=up+%3D%3D+0&g0.tab=1",
        fingerprint: String = "fceee36ad97d0b7d"
    ) -> Alert {
        Alert(
            status: status, labels: labels, annotations: annotations, startsAt: startsAt,
            endsAt: endsAt ?? (status == .resolved ? Timestamp.start.plus(960) : nil),
            generatorURL: generatorURL, fingerprint: fingerprint)
    }

    /// One of many alerts that differ in their instance only.
    static func numbered(_ number: Int, status: AlertStatus = .firing, name: String = "HighCPUUsage") -> Alert {
        make(
            status: status,
            labels: [
                "alertname": name, "cluster": "prod-eu", "instance": "web-\(number):9100", "job": "node",
                "severity": "critical",
            ],
            annotations: ["summary": "CPU above 90 % on web-\(number)"])
    }
}

extension GrafanaFields {
    /// The same URL in every field.
    static func make(values: String?, url: String) -> GrafanaFields {
        var fields = GrafanaFields()
        (fields.silenceURL, fields.dashboardURL, fields.panelURL, fields.imageURL) = (url, url, url, url)
        fields.values = values
        return fields
    }
}

extension Payload {
    static func make(
        status: AlertStatus? = nil, truncatedAlerts: Int = 0,
        externalURL: String = "http://alertmanager.example.org:9093",
        notificationReason: String? = nil, alerts: [Alert]
    ) -> Payload {
        Payload(
            receiver: "relay", status: status ?? (alerts.contains { $0.status == .firing } ? .firing : .resolved),
            groupKey: "{}:{alertname=\"HighCPUUsage\"}", truncatedAlerts: truncatedAlerts, groupLabels: [:],
            commonLabels: [:], commonAnnotations: [:], externalURL: externalURL,
            notificationReason: notificationReason, alerts: alerts)
    }
}

extension Message {
    /// Composes one notification ten minutes after the alerts began.
    static func composed(
        _ alerts: [Alert], severity: Severity = .critical, settings: RenderSettings = RenderSettings(),
        now: Timestamp = .start.plus(600)
    ) -> Message {
        MessageComposer(.make(alerts: alerts), severity: severity, settings: settings, now: now).message()
    }

    /// The same without attachments.
    static func plain(
        _ alerts: [Alert], severity: Severity = .critical, settings: RenderSettings = RenderSettings(),
        now: Timestamp = .start.plus(600)
    ) -> Message {
        MessageComposer(.make(alerts: alerts), severity: severity, settings: settings, now: now).plainMessage()
    }
}
