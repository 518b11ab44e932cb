import Alerts
import Posting
import Support

/// The names of a whole message.
struct TemplateMessage: Sendable {
    var digest: Digest
    var totals: Digest.Count
    /// The alerts that the digest has in full, in order of importance.
    var alerts: [TemplateAlert]
    /// The built-in first line.
    var headline: String
    var banner: MessageBanner
    var settings: RenderSettings
    var now: Timestamp

    func value(of name: String) -> TemplateValue? { Self.names.value(of: name, in: self) }

    static let names: [TemplateName<TemplateMessage>] = webhookNames + grafanaNames + relayNames

    private static let webhookNames: [TemplateName<TemplateMessage>] = [
        TemplateName("status", "`firing` if an alert fires, else `resolved`") {
            .text($0.isFiring ? "firing" : "resolved")
        },
        TemplateName("receiver", "Alertmanager's receiver") { .text($0.digest.envelope.receiver) },
        TemplateName("groupLabels", .labels, "the labels of the group: `groupLabels.cluster`") {
            .labels($0.digest.envelope.groupLabels)
        },
        TemplateName("commonLabels", .labels, "the labels that all alerts share") {
            .labels($0.digest.envelope.commonLabels)
        },
        TemplateName("commonAnnotations", .labels, "the annotations that all alerts share") {
            .annotations($0.digest.envelope.commonAnnotations)
        },
        TemplateName("externalURL", "Alertmanager's address") { .text($0.digest.externalURL) },
        TemplateName("truncatedAlerts", "the number of alerts that Alertmanager left out (`max_alerts`); nothing if 0")
        {
            .count($0.digest.truncatedAlerts)
        },
        TemplateName("alerts", .alerts, "the alerts that the message can show in full, the most important first") {
            .list($0.alerts.map { .alert($0) })
        },
    ]

    private static let grafanaNames: [TemplateName<TemplateMessage>] = [
        TemplateName("title", "the title that Grafana made for its notification") {
            .text($0.digest.envelope.grafana.title)
        },
        TemplateName("message", "the message that Grafana made for its notification") {
            .text($0.digest.envelope.grafana.message)
        },
        TemplateName("state", "Grafana's state of the notification: `alerting` or `ok`") {
            .text($0.digest.envelope.grafana.state)
        },
        TemplateName("orgId", "the number of the organization in Grafana") {
            $0.digest.envelope.grafana.orgID.map { .number($0) }
        },
    ]

    private static let relayNames: [TemplateName<TemplateMessage>] = [
        TemplateName("relay.severity", "`CRITICAL`, `WARNING`, `INFO` or `UNKNOWN SEVERITY`") {
            .text($0.digest.severity.word)
        },
        TemplateName("relay.icon", "🔴, 🟠, 🔵 or ⚪; ✅ if nothing fires") { .text($0.icon) },
        TemplateName("relay.headline", .markup, "the built-in first line; only in `text`") { .markup($0.headline) },
        TemplateName("relay.isFiring", "whether an alert fires") { .flag($0.isFiring) },
        TemplateName("relay.hasResolved", "whether an alert is resolved") { .flag($0.resolved > 0) },
        TemplateName("relay.firing", "the number of alerts that fire") { .number($0.totals.firing) },
        TemplateName("relay.resolved", "the number of alerts that are resolved") { .number($0.resolved) },
        TemplateName("relay.total", "the number of all alerts") { .number($0.totals.total) },
        TemplateName("relay.omitted", "the number of alerts that `alerts` does not have; nothing if 0") {
            .count($0.totals.total - $0.alerts.count)
        },
        TemplateName("relay.notifications", "the number of notifications in the message") {
            .number($0.digest.notifications)
        },
        TemplateName("relay.isFolded", "whether several notifications were folded into the message") {
            .flag($0.digest.notifications > 1)
        },
        TemplateName("relay.isRepeat", "whether Alertmanager only repeats what the room was shown") {
            .flag($0.digest.isRepeat)
        },
        TemplateName("relay.receiver", "the relay's receiver; nothing in the room of a severity") {
            $0.settings.templates.receiver.map { .text($0) }
        },
        TemplateName("relay.rerouted", "the severity or receiver whose room does not work; nothing otherwise") {
            $0.banner.rerouted.map { .text($0) }
        },
        TemplateName("relay.replayed", "when a replayed dead letter was accepted; nothing otherwise") { message in
            message.banner.replayed.map { .text(message.settings.zone.moment($0)) }
        },
        TemplateName("relay.now", "the time of rendering, in the zone of `timezone`") {
            .text($0.settings.zone.moment($0.now))
        },
        TemplateName("relay.alertsURL", "the list of alerts in Alertmanager or Grafana") { message in
            AlertLinks.alertsPage(of: message.digest.externalURL, isGrafana: message.digest.isGrafana).map { .text($0) }
        },
    ]

    private var isFiring: Bool { totals.firing > 0 }
    /// Those that fired and were resolved while they waited included.
    private var resolved: Int { totals.resolved + totals.flapped }
    private var icon: String {
        digest.severity.icon(isFiring: isFiring, isTruncated: digest.truncatedAlerts > 0)
    }
}

/// The names of one alert.
struct TemplateAlert: Sendable {
    var detail: Digest.Detail
    var severity: Severity
    var labels: LabelTable
    var settings: RenderSettings
    var now: Timestamp

    /// The longest URL, near the limits of browsers and proxies.
    private static let urlLimit = 2_000

    func value(of name: String) -> TemplateValue? { Self.names.value(of: name, in: self) }

    static let names: [TemplateName<TemplateAlert>] = webhookNames + grafanaNames + relayNames

    private static let webhookNames: [TemplateName<TemplateAlert>] = [
        TemplateName("status", "`firing` or `resolved`") { .text($0.alert.status.rawValue) },
        TemplateName("labels", .labels, "the labels: `labels.instance`") { .labels($0.alert.labels) },
        TemplateName("annotations", .labels, "the annotations: `annotations.summary`") {
            .annotations($0.alert.annotations)
        },
        TemplateName("startsAt", "when it began to fire, in UTC: `2026-11-23T17:04:00Z`") {
            $0.alert.startsAt?.validated.map { .text($0.rfc3339) }
        },
        TemplateName("endsAt", "when it was resolved, in UTC; nothing if it fires") {
            $0.alert.endsAt?.validated.map { .text($0.rfc3339) }
        },
        TemplateName("generatorURL", "the rule's expression in Prometheus") { .text($0.alert.generatorURL) },
        TemplateName("fingerprint", "Alertmanager's identifier of the alert") { .text($0.alert.fingerprint) },
    ]

    private static let grafanaNames: [TemplateName<TemplateAlert>] = [
        TemplateName("values", "Grafana's values of the rule's queries: `B=44.24, C=1`") {
            $0.alert.grafana?.values.map { .text($0) }
        },
        TemplateName("valueString", "the same as Grafana writes them: `[ var='B' labels={zone=us-1} value=44.2 ]`") {
            ($0.alert.grafana?.valueString).map { .text($0) }
        },
        TemplateName("dashboardURL", "the dashboard in Grafana") { ($0.alert.grafana?.dashboardURL).map { .text($0) } },
        TemplateName("panelURL", "the panel in Grafana") { ($0.alert.grafana?.panelURL).map { .text($0) } },
        TemplateName("silenceURL", "the form for a silence in Grafana") {
            ($0.alert.grafana?.silenceURL).map { .text($0) }
        },
        TemplateName("imageURL", "a picture of the panel") { ($0.alert.grafana?.imageURL).map { .text($0) } },
    ]

    private static let relayNames: [TemplateName<TemplateAlert>] = [
        TemplateName("relay.state", "`FIRING` or `RESOLVED`") { .text($0.isFiring ? "FIRING" : "RESOLVED") },
        TemplateName("relay.icon", "🔴, 🟠, 🔵 or ⚪ by its severity; ✅ if it is resolved") {
            .text($0.severity.icon(isFiring: $0.isFiring, isTruncated: false))
        },
        TemplateName("relay.color", "the built-in color, as in `#D32F2F`") {
            .text($0.severity.color(of: $0.alert.status))
        },
        TemplateName("relay.isFiring", "whether it fires") { .flag($0.isFiring) },
        TemplateName("relay.isResolved", "whether it is resolved") { .flag(!$0.isFiring) },
        TemplateName("relay.name", "the name; without one the summary or the labels") { .text($0.alert.displayName) },
        TemplateName("relay.target", "what it is about: the instance, the pod, the node") {
            $0.alert.target.map { .text($0) }
        },
        TemplateName("relay.summary", "the first of the annotations `summary`, `title`, `message`, `description`") {
            $0.alert.summary.map { .annotation($0) }
        },
        TemplateName("relay.details", "the annotation `description` or `message`, unless it is the summary") {
            $0.alert.details.map { .annotation($0) }
        },
        TemplateName("relay.duration", "how long it has fired, or fired: `2 h 13 m`") { alert in
            alert.alert.duration(now: alert.now).map { .text($0.humanized) }
        },
        TemplateName("relay.since", "when it began to fire, in the zone of `timezone`") { alert in
            alert.alert.startsAt?.validated.map { .text(alert.settings.zone.moment($0)) }
        },
        TemplateName("relay.until", "when it was resolved, in the zone of `timezone`; nothing if it fires") { alert in
            alert.alert.endsAt?.validated.map { .text(alert.settings.zone.moment($0)) }
        },
        TemplateName("relay.history", "the built-in line: `Firing since 2026-11-23 17:04 UTC (2 h)`") {
            .text($0.alert.history(now: $0.now, zone: $0.settings.zone))
        },
        TemplateName("relay.runbook", "the URL of the runbook, from an annotation such as `runbook_url`") {
            $0.annotatedURL("Runbook")
        },
        TemplateName(
            "relay.dashboard", "the URL of the dashboard, from Grafana or an annotation such as `dashboard_url`"
        ) {
            alert in
            alert.alert.grafana.flatMap { alert.url($0.dashboardURL) } ?? alert.annotatedURL("Dashboard")
        },
        TemplateName("relay.source", "the URL of the rule's expression, if it is a safe one") {
            $0.url($0.alert.generatorURL)
        },
        TemplateName("relay.alertURL", "the alert in Alertmanager; nothing if it is resolved") { $0.page(.alerts) },
        TemplateName("relay.silence", "Alertmanager's or Grafana's form for a silence; nothing if it is resolved") {
            $0.page(.newSilence)
        },
        TemplateName("relay.labels", .pairs, "the labels that a built-in card shows, as a list of `name` and `value`") {
            alert in
            .list(alert.labels.own(of: alert.alert).map { .pair($0, isAnnotation: false) })
        },
        TemplateName("relay.annotations", .pairs, "all annotations, as a list of `name` and `value`") {
            .list($0.alert.annotations.pairs.map { .pair($0, isAnnotation: true) })
        },
    ]

    private var alert: Alert { detail.alert }
    private var isFiring: Bool { alert.status == .firing }

    private func url(_ raw: String) -> TemplateValue? {
        SafeURL(raw, limit: Self.urlLimit).map { .text($0.string) }
    }

    /// The first annotation that has a link with the label.
    private func annotatedURL(_ label: String) -> TemplateValue? {
        alert.annotations.pairs.first { AlertLinks.label(ofAnnotation: $0.name, value: $0.value) == label }
            .flatMap { url($0.value) }
    }

    private func page(_ page: AlertmanagerPage) -> TemplateValue? {
        guard isFiring else { return nil }
        // Grafana has no pages of Alertmanager.
        if let grafana = alert.grafana { return page == .newSilence ? url(grafana.silenceURL) : nil }
        return page.url(base: detail.externalURL, labels: alert.labels, limit: Self.urlLimit).map { .text($0.string) }
    }
}
