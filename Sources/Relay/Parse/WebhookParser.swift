import CCrypto
import CSimdjson

/// Reads webhook bodies. One parser belongs to one thread; it reuses its memory from body to body.
final class WebhookParser {
    /// How much room beyond its end a body's array should have, so that it need not be copied to be parsed.
    static let padding = Int(CSJ_PADDING)

    private let parser: OpaquePointer
    private let severities: SeverityMap

    init(severities: SeverityMap) {
        parser = csj_parser_create()
        self.severities = severities
    }

    deinit {
        csj_parser_free(parser)
    }

    /// Validates a body and splits it by severity, alert by alert: the way in of every webhook.
    func parse(_ body: [UInt8], acceptedAt: Timestamp) throws(ParseError) -> AlertBatch {
        let view = try view(of: body)
        let alerts = UnsafeBufferPointer(start: view.alerts, count: view.alert_count)
        var tiers: [Severity] = []
        tiers.reserveCapacity(alerts.count)
        for (index, alert) in alerts.enumerated() {
            try checkTimes(of: alert, at: index)
            tiers.append(severities.severity(of: alert.severity.optionalText))
        }
        let key = DedupeKey(bytes: Self.digest(csj_canonical(parser)))
        let group = group(of: view)
        let present = Severity.allCases.filter { tiers.contains($0) }
        let notifications = present.map { severity in
            Notification(
                severity: severity, group: group, acceptedAt: acceptedAt,
                body: present.count == 1 ? body : subset(where: tiers.map { $0 == severity }))
        }
        return AlertBatch(
            dedupeKey: key, notifications: notifications, counts: counts(alerts, tiers), alerts: alerts.count)
    }

    /// Reads a whole body, for rendering.
    func decode(_ body: [UInt8]) throws(ParseError) -> Payload {
        let view = try view(of: body)
        let pairs = UnsafeBufferPointer(start: view.pairs, count: .max)
        var alerts: [Alert] = []
        alerts.reserveCapacity(view.alert_count)
        for (index, alert) in UnsafeBufferPointer(start: view.alerts, count: view.alert_count).enumerated() {
            try checkTimes(of: alert, at: index)
            alerts.append(Alert(alert, pairs))
        }
        return Payload(
            receiver: view.receiver.text, status: view.is_resolved ? .resolved : .firing,
            groupKey: view.group_key.text, truncatedAlerts: Int(view.truncated_alerts),
            groupLabels: Labels(view.group_labels, pairs), commonLabels: Labels(view.common_labels, pairs),
            commonAnnotations: Labels(view.common_annotations, pairs), externalURL: view.external_url.text,
            notificationReason: view.notification_reason.optionalText, alerts: alerts)
    }

    // MARK: Parts

    private func view(of body: [UInt8]) throws(ParseError) -> csj_payload {
        var padded = body
        // Only an array made without the room pays for it here: the reserve copies it.
        if body.capacity < body.count + Self.padding {
            padded = []
            padded.reserveCapacity(body.count + Self.padding)
            padded += body
        }
        var view = csj_payload()
        let result = padded.withUnsafeBufferPointer { csj_parse(parser, $0.baseAddress, $0.count, &view) }
        let reason: ParseError.Reason
        switch result {
        case CSJ_OK: return view
        case CSJ_INVALID_JSON: reason = .invalidJSON
        case CSJ_WRONG_VERSION: reason = .wrongVersion
        case CSJ_DUPLICATE_KEY: reason = .duplicateKey
        default: reason = .wrongShape
        }
        throw ParseError(reason: reason, message: String(cString: csj_error(parser)))
    }

    private func checkTimes(of alert: csj_alert, at index: Int) throws(ParseError) {
        for (name, time) in [("startsAt", alert.starts_at), ("endsAt", alert.ends_at)] {
            guard let bytes = time.rawBytes, !bytes.isEmpty, Timestamp(rfc3339: bytes) == nil else { continue }
            throw ParseError(reason: .invalidTime, message: "alerts[\(index)].\(name): not an RFC 3339 time")
        }
    }

    private func subset(where keep: [Bool]) -> [UInt8] {
        let flags = keep.map { $0 ? UInt8(1) : 0 }
        return Array(csj_subset(parser, flags).rawBytes ?? UnsafeRawBufferPointer(start: nil, count: 0))
    }

    private func counts(_ alerts: UnsafeBufferPointer<csj_alert>, _ tiers: [Severity]) -> [AlertBatch.Count] {
        var counts: [AlertBatch.Count] = []
        for (alert, severity) in zip(alerts, tiers) {
            let status: AlertStatus = alert.is_resolved ? .resolved : .firing
            if let index = counts.firstIndex(where: { $0.severity == severity && $0.status == status }) {
                counts[index].alerts += 1
            } else {
                counts.append(AlertBatch.Count(severity: severity, status: status, alerts: 1))
            }
        }
        return counts
    }

    private func group(of view: csj_payload) -> UInt64 {
        var content: [UInt8] = []
        for string in [view.receiver, view.group_key] {
            withUnsafeBytes(of: UInt64(string.size)) { content += $0 }
            if let bytes = string.rawBytes { content += bytes }
        }
        let digest = content.withUnsafeBytes { Self.digest($0) }
        return digest.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }

    private static func digest(_ content: csj_string) -> [UInt8] {
        digest(content.rawBytes ?? UnsafeRawBufferPointer(start: nil, count: 0))
    }

    private static func digest(_ content: UnsafeRawBufferPointer) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: Int(SHA256_DIGEST_LENGTH)) { digest, count in
            SHA256(content.baseAddress?.assumingMemoryBound(to: UInt8.self), content.count, digest.baseAddress)
            count = Int(SHA256_DIGEST_LENGTH)
        }
    }
}
