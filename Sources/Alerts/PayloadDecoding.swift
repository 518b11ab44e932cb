import CSimdjson
import Support

extension WebhookParser {
    /// Decodes a body for rendering. Fails if the body is invalid.
    package func decode(_ body: [UInt8]) throws(ParseError) -> Payload {
        defer { trim() }
        return try body.withUnsafeBufferPointer { (bytes) throws(ParseError) -> Payload in
            try Payload(read(bytes))
        }
    }
}

extension Payload {
    fileprivate init(_ view: webhook_payload) throws(ParseError) {
        receiver = view.receiver.text
        status = AlertStatus(resolved: view.resolved)
        groupKey = view.group_key.text
        truncatedAlerts = min(Int(clamping: view.truncated_alerts), Self.truncatedLimit)
        groupLabels = view.labels(view.group_labels)
        commonLabels = view.labels(view.common_labels)
        commonAnnotations = view.labels(view.common_annotations)
        externalURL = view.external_url.text
        notificationReason = view.notification_reason.start == nil ? nil : view.notification_reason.text
        alerts = []
        guard view.alert_count > AlertDecoding.limit else {
            alerts.reserveCapacity(view.alert_count)
            for (index, alert) in view.alertViews.enumerated() { alerts.append(try Alert(alert, index, of: view)) }
            return
        }
        var decoding = AlertDecoding()
        for index in AlertDecoding.order(of: view) { try decoding.add(view.alertViews[index], index, of: view) }
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
            // An odd time is reported when the alert is decoded.
            let start = alert.starts_at.bytes.flatMap { Timestamp(rfc3339: $0) }?.validated?.seconds ?? 0
            return (alert.resolved ? 1 : 0, -start, index)
        }
        return keys.sorted { $0 < $1 }.map(\.2)
    }

    mutating func add(_ view: webhook_alert, _ index: Int, of payload: webhook_payload) throws(ParseError) {
        let name = try name(of: view, index, payload)
        let status = AlertStatus(resolved: view.resolved)
        var count = seen[name] ?? Payload.StatusCounts()
        count.add(status)
        let isLeading = (status == .firing ? count.firing : count.resolved) <= Self.leadLimit
        let isKnown = seen[name] != nil || seen.count < Self.nameLimit
        if isKnown { seen[name] = count }
        // Half of the alerts are for names that come late in this order.
        if isKnown && isLeading || alerts.count < Self.limit / 2 {
            alerts.append(try Alert(view, index, of: payload))
        } else {
            counted[name, default: Payload.StatusCounts()].add(status)
        }
    }

    private func name(of view: webhook_alert, _ index: Int, _ payload: webhook_payload) throws(ParseError) -> String {
        let labels = LabelViews(payload: payload, labels: view.labels)
        let name = labels.withValue(of: "alertname") { String(decoding: $0, as: UTF8.self) }
        return SanitizedText.isBlank(name) ? try Alert(view, index, of: payload).displayName : name
    }
}

extension Alert {
    fileprivate init(_ view: webhook_alert, _ index: Int, of payload: webhook_payload) throws(ParseError) {
        status = AlertStatus(resolved: view.resolved)
        labels = payload.labels(view.labels)
        annotations = payload.labels(view.annotations)
        startsAt = try view.starts_at.time(alert: index, "startsAt")
        let end = try view.ends_at.time(alert: index, "endsAt")
        endsAt = view.resolved ? end : nil
        generatorURL = view.generator_url.text
        fingerprint = view.fingerprint.text
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
        "title",
        "runbook_url", "dashboard_url",
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
