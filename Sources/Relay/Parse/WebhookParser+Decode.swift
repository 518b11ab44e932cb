import CSimdjson

extension WebhookParser {
    /// Reads a whole body into the model that is rendered.
    func decode(_ body: [UInt8]) throws(ParseError) -> Payload {
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
        alerts.reserveCapacity(view.alert_count)
        for (index, alert) in view.views.enumerated() { alerts.append(try Alert(alert, index, of: view)) }
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

extension webhook_payload {
    func labels(_ range: webhook_pairs) -> Labels {
        let views = UnsafeBufferPointer(start: pairs, count: range.first + range.count)[range.first...]
        return Labels(pairs: views.map { Labels.Pair(name: $0.name.text, value: $0.value.text) })
    }
}
