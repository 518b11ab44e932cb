package import CSimdjson
import Support

/// Parses webhook bodies of Alertmanager and Grafana (docs/alertmanager.md, "Body").
///
/// A parser must not be used by two threads at once, because it reuses its memory. Apart from the body and its parts it
/// uses at most the size of the body and 64 MiB for views and marks. `decode` accepts each body that `parse` accepts,
/// and each notification body that `parse` returns.
package final class WebhookParser {
    /// The maximum size in bytes of all notification bodies together, for a webhook body of `size` bytes. Without
    /// receivers it is never exceeded, because there are four severities.
    private static func partsLimit(_ size: Int) -> Int { max(64 << 20, 4 * size) }

    private let parser: OpaquePointer
    private let severities: SeverityMap
    private let router: AlertRouter
    private let watchdogs: WatchdogMatcher
    private let sha256 = SHA256()
    /// The severity rank of each alert in the current body; `watched` for the alert of a watchdog.
    private var ranks: [UInt8] = []
    private static let watched = UInt8.max

    /// - Parameters:
    ///   - router: Selects the receivers of alerts.
    ///   - watchdogs: Their alerts are in `AlertBatch.watchdogs` and in no notification.
    package init(
        severities: SeverityMap = SeverityMap(), router: AlertRouter = AlertRouter(),
        watchdogs: WatchdogMatcher = WatchdogMatcher()
    ) {
        guard let parser = webhook_parser_create() else { bug("out of memory for a webhook parser") }
        self.parser = parser
        self.severities = severities
        self.router = router
        self.watchdogs = watchdogs
    }

    deinit {
        webhook_parser_destroy(parser)
    }

    /// Validates a body, classifies its alerts and splits it by destination. Fails if the body is invalid, or if the
    /// notification bodies together exceed `partsLimit`. Destinations with the same alerts share one array, which is
    /// `body` itself for all alerts.
    package func parse(_ body: consuming [UInt8], acceptedAt: Timestamp) throws(ParseError) -> AlertBatch {
        defer { trim() }
        var batch = try body.withUnsafeBufferPointer { (bytes) throws(ParseError) -> AlertBatch in
            let payload = try read(bytes)
            var signals = WatchdogSignals()
            let counts = classify(payload, &signals, into: &ranks)
            var batch = try split(payload, counts, size: bytes.count, acceptedAt: acceptedAt)
            batch.oddities = PayloadOddity.counts(in: payload)
            batch.watchdogs = signals.signals
            return batch
        }
        for index in batch.notifications.indices where batch.notifications[index].body.isEmpty {
            batch.notifications[index].body = body
        }
        return batch
    }

    /// Validates a body and returns views of it, which are valid until the next call and while `bytes` is valid.
    package func read(_ bytes: UnsafeBufferPointer<UInt8>) throws(ParseError) -> webhook_payload {
        var payload = webhook_payload()
        let fault = webhook_parser_parse(parser, bytes.baseAddress, bytes.count, &payload)
        guard fault == WEBHOOK_OK else {
            throw ParseError(reason: ParseError.Reason(fault), message: webhook_parser_message(parser).text)
        }
        return payload
    }

    /// Grafana's fields of an alert of the last body; valid until the next call.
    func grafana(_ alert: Int) -> webhook_grafana {
        var grafana = webhook_grafana()
        // Without memory the alert is shown without them.
        _ = webhook_parser_grafana(parser, alert, &grafana)
        return grafana
    }

    /// Frees the memory that a large body needed.
    package func trim() {
        webhook_parser_trim(parser)
    }

    /// Sets `ranks` to the severity ranks and counts the alerts.
    private func classify(
        _ payload: webhook_payload, _ signals: inout WatchdogSignals, into ranks: inout [UInt8]
    ) -> SeverityCounts {
        var counts = SeverityCounts()
        ranks.removeAll(keepingCapacity: true)
        ranks.reserveCapacity(payload.alert_count)
        for alert in payload.alertViews {
            if !watchdogs.isEmpty {
                let labels = LabelViews(payload: payload, labels: alert.labels)
                if watchdogs.note(labels, isResolved: alert.resolved, in: &signals) {
                    ranks.append(Self.watched)
                    continue
                }
            }
            let severity = severities.severity(of: alert.severity.bytes)
            ranks.append(severity.rank)
            counts.add(severity, resolved: alert.resolved)
        }
        return counts
    }

    /// The bodies of notifications for all alerts are empty: the caller sets them to the whole body.
    private func split(
        _ payload: webhook_payload, _ counts: SeverityCounts, size: Int, acceptedAt: Timestamp
    ) throws(ParseError) -> AlertBatch {
        let key = try digest(groupOnly: false)
        let group = try digest(groupOnly: true).prefix.0
        var dropped: [String: Int] = [:]
        var parts = router.isEmpty ? parts(payload, counts) : parts(payload, &dropped)
        try measure(&parts, size: size)
        var notifications: [Notification] = []
        notifications.reserveCapacity(parts.count)
        for part in parts {
            let body = part.original.map { notifications[$0].body } ?? body(of: part)
            notifications.append(
                Notification(
                    severity: part.destination.severity, receiver: part.destination.receiver, group: group,
                    acceptedAt: acceptedAt, body: body, isResolved: part.isResolved && payload.truncated_alerts == 0))
        }
        var batch = AlertBatch(
            dedupeKey: key, reason: AlertBatch.Reason(payload.notification_reason.text),
            notifications: notifications, counts: counts.counts, alerts: payload.alert_count)
        batch.dropped = dropped
        return batch
    }

    /// The dedupe key of the current body, or the digest that identifies its group.
    private func digest(groupOnly: Bool) throws(ParseError) -> DedupeKey {
        sha256.begin()
        let isComplete = webhook_parser_canonical(
            parser, groupOnly,
            { context, bytes, size in
                guard let context else { return }
                let sha256 = Unmanaged<SHA256>.fromOpaque(context).takeUnretainedValue()
                sha256.update(UnsafeRawBufferPointer(start: bytes, count: size))
            }, Unmanaged.passUnretained(sha256).toOpaque())
        let digest = sha256.finish { DedupeKey(bytes: $0) }
        guard isComplete else { throw .outOfMemory }
        return digest
    }

    /// The alerts for one destination.
    private struct Part {
        var destination: Destination
        /// One mark for each alert of the body: those that equal `mark` belong to the part.
        var marks: [UInt8]
        var mark: UInt8
        /// Whether all its alerts are resolved.
        var isResolved: Bool
        /// Whether all alerts of the body belong to it.
        var isWhole: Bool
        /// The index of the first part with the same alerts, if it is another one.
        var original: Int?
        /// The size of its body.
        var size = 0
    }

    /// Splits the alerts by severity.
    private func parts(_ payload: webhook_payload, _ counts: SeverityCounts) -> [Part] {
        var parts: [Part] = []
        parts.reserveCapacity(Severity.allCases.count)
        for severity in Severity.allCases where counts.alerts(of: severity) > 0 {
            parts.append(
                Part(
                    destination: Destination(severity: severity), marks: ranks, mark: severity.rank,
                    isResolved: !counts.isFiring(severity), isWhole: counts.alerts(of: severity) == payload.alert_count)
            )
        }
        return parts
    }

    /// Splits the alerts by receiver and severity. An alert can have several receivers.
    private func parts(_ payload: webhook_payload, _ dropped: inout [String: Int]) -> [Part] {
        // Indexed by receiver and severity. A dictionary would need a look-up for each alert and receiver.
        let severities = Severity.allCases
        var marks = [[UInt8]](repeating: [], count: (Int(UInt8.max) + 1) * severities.count)
        var isFiring = [Bool](repeating: false, count: marks.count)
        for (index, alert) in payload.alertViews.enumerated() where ranks[index] != Self.watched {
            let route = router.route(in: LabelViews(payload: payload, labels: alert.labels))
            if let name = route.drop { dropped[name, default: 0] += 1 }
            for receiver in route.receivers {
                let slot = Int(receiver.rawValue) * severities.count + Int(ranks[index])
                if marks[slot].isEmpty { marks[slot] = [UInt8](repeating: 0, count: payload.alert_count) }
                marks[slot][index] = 1
                if !alert.resolved { isFiring[slot] = true }
            }
        }
        var parts: [Part] = []
        for (slot, marks) in marks.enumerated() where !marks.isEmpty {
            let receiver = ReceiverID(rawValue: UInt8(slot / severities.count))
            let destination = Destination(receiver: receiver, severity: severities[slot % severities.count])
            parts.append(
                Part(
                    destination: destination, marks: marks, mark: 1, isResolved: !isFiring[slot],
                    isWhole: marks.allSatisfy { $0 == 1 }))
        }
        parts.sort { $0.destination < $1.destination }
        var first: [[UInt8]: Int] = [:]
        for index in parts.indices {
            parts[index].original = first[parts[index].marks]
            if parts[index].original == nil { first[parts[index].marks] = index }
        }
        return parts
    }

    /// Computes the sizes of the bodies. Fails if they together exceed `partsLimit`.
    private func measure(_ parts: inout [Part], size: Int) throws(ParseError) {
        var total = 0
        for index in parts.indices {
            let part = parts[index]
            let partSize =
                part.original.map { parts[$0].size }
                ?? (part.isWhole ? size : webhook_parser_subset(parser, part.marks, part.mark, nil))
            guard partSize > 0 else { throw .outOfMemory }
            parts[index].size = partSize
            total += partSize
            guard total <= Self.partsLimit(size) else {
                throw .tooManyCopies(parts.count, limit: Self.partsLimit(size))
            }
        }
    }

    /// The body of a part; empty for the whole body.
    private func body(of part: Part) -> [UInt8] {
        if part.isWhole { return [] }
        return [UInt8](unsafeUninitializedCapacity: part.size) { buffer, count in
            count = webhook_parser_subset(parser, part.marks, part.mark, buffer.baseAddress)
        }
    }
}

/// Why a webhook body is rejected. The message is the body of the HTTP response, the reason is a metric label.
package struct ParseError: Error, Equatable {
    /// The values of `relay_payloads_rejected_total{reason}` for parse errors.
    package enum Reason: String, CaseIterable, Sendable {
        case empty
        case invalidUTF8
        case invalidJSON
        /// Arrays and objects are nested more than 64 levels deep.
        case tooDeep
        case notAnObject
        /// Has neither `version` nor `alerts`, for example a templated `payload:`.
        case notAWebhook
        case wrongVersion
        case missingField
        case wrongType
        /// More than 131,072 alerts, or 524,288 labels and annotations.
        case tooMany
        /// The notification bodies for all destinations together exceed `WebhookParser.partsLimit`.
        case tooManyCopies
        /// Memory is exhausted. The response is 503 instead of 400, because a retry may succeed.
        case outOfMemory
    }

    package var reason: Reason
    /// The error and its place in one line for the user. Quotes at most the beginning of a value.
    package var message: String
}

/// Configures how the allocator (glibc malloc) handles large buffers.
package enum MemoryPolicy {
    /// Allocates buffers of 256 KiB and more with mmap, so that freeing them returns memory to the system. glibc would
    /// raise this threshold up to 32 MiB when such buffers are freed, and keep smaller ones.
    ///
    /// Called once, before other threads start.
    package static func apply() {
        webhook_memory_map_from(256 * 1024)
    }
}
