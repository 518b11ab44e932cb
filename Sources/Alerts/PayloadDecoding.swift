import CSimdjson
import Support

extension WebhookParser {
    /// Decodes a body for rendering. Fails if the body is invalid.
    package func decode(_ body: [UInt8]) throws(ParseError) -> Payload {
        defer { trim() }
        return try body.withUnsafeBufferPointer { (bytes) throws(ParseError) -> Payload in
            try Payload(read(bytes), of: self)
        }
    }
}

extension Payload {
    fileprivate init(_ view: webhook_payload, of parser: WebhookParser) {
        receiver = view.receiver.text
        status = AlertStatus(resolved: view.resolved)
        groupKey = view.group_key.text
        truncatedAlerts = min(Int(clamping: view.truncated_alerts), Self.truncatedLimit)
        groupLabels = view.labels(view.group_labels)
        commonLabels = view.labels(view.common_labels)
        commonAnnotations = view.labels(view.common_annotations)
        externalURL = view.external_url.text
        notificationReason = view.notification_reason.start == nil ? nil : view.notification_reason.text
        isGrafana = view.is_grafana
        grafana = GrafanaEnvelope(view)
        alerts = []
        guard view.alert_count > AlertDecoding.limit else {
            alerts = view.alertViews.indices.map { Alert($0, of: view, parser) }
            return
        }
        var decoding = AlertDecoding()
        for index in AlertDecoding.order(of: view) { decoding.add(index, of: view, parser) }
        (alerts, countedAlerts) = (decoding.alerts, decoding.counted)
    }
}

/// Decodes the alerts of a large group that a message can show, and counts the others.
private struct AlertDecoding {
    /// More alerts are not all decoded: a message shows some hundred, and each costs up to 2 KiB.
    static let limit = 2_048
    /// The first alerts of each name and status that are always decoded.
    private static let leadLimit = 4
    /// The most names with such alerts.
    private static let nameLimit = 1_024

    private(set) var alerts: [Alert] = []
    private(set) var counted: [String: Payload.StatusCounts] = [:]
    private var seen: [String: Payload.StatusCounts] = [:]

    /// The indices of the alerts: firing ones first, then the latest start.
    static func order(of payload: webhook_payload) -> [Int] {
        let keys = payload.alertViews.enumerated().map { index, alert in
            let start = alert.starts_at.time?.validated?.seconds ?? 0
            return (alert.resolved ? 1 : 0, -start, index)
        }
        return keys.sorted { $0 < $1 }.map(\.2)
    }

    mutating func add(_ index: Int, of payload: webhook_payload, _ parser: WebhookParser) {
        let view = payload.alertViews[index]
        let name = name(of: index, payload, parser)
        let status = AlertStatus(resolved: view.resolved)
        var count = seen[name] ?? Payload.StatusCounts()
        count.add(status)
        let isLeading = (status == .firing ? count.firing : count.resolved) <= Self.leadLimit
        let isKnown = seen[name] != nil || seen.count < Self.nameLimit
        if isKnown { seen[name] = count }
        // Half of the alerts are for names that come late in this order.
        if isKnown && isLeading || alerts.count < Self.limit / 2 {
            alerts.append(Alert(index, of: payload, parser))
        } else {
            counted[name, default: Payload.StatusCounts()].add(status)
        }
    }

    private func name(of index: Int, _ payload: webhook_payload, _ parser: WebhookParser) -> String {
        let labels = LabelViews(payload: payload, labels: payload.alertViews[index].labels)
        let name = labels.withValue(of: "alertname") { String(decoding: $0, as: UTF8.self) }
        let needsMore = SanitizedText.isBlank(name) || GrafanaState(alertName: name) != nil
        return needsMore ? Alert(index, of: payload, parser).displayName : name
    }
}

extension Alert {
    fileprivate init(_ index: Int, of payload: webhook_payload, _ parser: WebhookParser) {
        let view = payload.alertViews[index]
        status = AlertStatus(resolved: view.resolved)
        labels = payload.labels(view.labels)
        annotations = payload.labels(view.annotations)
        startsAt = view.starts_at.time
        endsAt = view.resolved ? view.ends_at.time : nil
        generatorURL = view.generator_url.text
        fingerprint = view.fingerprint.size > 0 ? view.fingerprint.text : payload.fingerprint(view.labels)
        if payload.is_grafana || view.has_more_fields { grafana = GrafanaFields(parser.grafana(index)) }
        if payload.is_grafana, grafana == nil { grafana = GrafanaFields() }
    }
}

extension webhook_payload {
    /// The fingerprint that Prometheus and Alertmanager compute for labels: FNV-1a over each name and value with a separator
    /// after them. Empty without labels, which identify nothing.
    fileprivate func fingerprint(_ range: webhook_pairs) -> String {
        guard range.count > 0 else { return "" }
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        func add(_ byte: UInt8) { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        for pair in UnsafeBufferPointer(start: pairs, count: range.first + range.count)[range.first...] {
            for text in [pair.name, pair.value] {
                text.bytes?.forEach(add)
                add(0xFF)
            }
        }
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}

/// The limits of one alert's labels and of its annotations. A message shows less.
private enum LabelDecoding {
    static let pairLimit = 64
    /// The most bytes of one value; longer ones are cut.
    static let valueLimit = 8_192
    /// The most bytes of all values.
    static let bytesLimit = 65_536
    /// Decoded in any case, since messages give them a place of their own.
    static let needed: Set<String> = [
        "alertname", "severity", "instance", "job", "cluster", "namespace", "summary", "description", "message",
        "title", "rulename", "runbook_url", "dashboard_url",
    ]
}

extension webhook_payload {
    fileprivate func labels(_ range: webhook_pairs) -> Labels {
        let views = UnsafeBufferPointer(start: pairs, count: range.first + range.count)[range.first...]
        let isSmall =
            views.count <= LabelDecoding.pairLimit && views.allSatisfy { $0.value.size <= LabelDecoding.valueLimit }
        if isSmall, views.reduce(0, { $0 + $1.value.size }) <= LabelDecoding.bytesLimit {
            return Labels(pairs: views.map { Labels.Pair(name: $0.name.text, value: $0.value.text) })
        }
        return limited(views)
    }

    /// Decodes the pairs within the limits, and counts those that are left out or cut.
    private func limited(_ views: Slice<UnsafeBufferPointer<webhook_pair>>) -> Labels {
        var labels = Labels()
        var bytes = 0
        var identity = Hasher()
        for view in views {
            let name = view.name.text
            identity.combine(name)
            if let value = view.value.bytes { identity.combine(bytes: value) }
            let isShort = bytes < LabelDecoding.bytesLimit && labels.pairs.count < LabelDecoding.pairLimit
            guard isShort || LabelDecoding.needed.contains(name) else {
                labels.omitted += 1
                continue
            }
            let value = view.value.bytes.map { $0.prefix(LabelDecoding.valueLimit) }
            if view.value.size > LabelDecoding.valueLimit { labels.isCut = true }
            bytes += min(view.value.size, LabelDecoding.valueLimit)
            labels.pairs.append(.init(name: name, value: value.map { String(decoding: $0, as: UTF8.self) } ?? ""))
        }
        labels.identity = identity.finalize()
        return labels
    }
}
