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
            let counts = classify(payload, &signals)
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

    /// Stores the severity ranks and counts the alerts.
    private func classify(_ payload: webhook_payload, _ signals: inout WatchdogSignals) -> SeverityCounts {
        var counts = SeverityCounts()
        ranks.removeAll(keepingCapacity: true)
        for alert in payload.alertViews {
            let labels = LabelViews(payload: payload, labels: alert.labels)
            if !watchdogs.isEmpty, watchdogs.note(labels, isResolved: alert.resolved, in: &signals) {
                ranks.append(Self.watched)
                continue
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
        let (key, group) = try identity()
        var dropped: [String: Int] = [:]
        let parts = router.isEmpty ? parts(counts) : parts(payload, &dropped)
        let bodies = try bodies(parts, size: size)
        let notifications = zip(parts, bodies).map { part, body in
            Notification(
                severity: part.destination.severity, receiver: part.destination.receiver, group: group,
                acceptedAt: acceptedAt, body: body, isResolved: part.isResolved && payload.truncated_alerts == 0)
        }
        var batch = AlertBatch(
            dedupeKey: key, reason: AlertBatch.Reason(payload.notification_reason.text),
            notifications: notifications, counts: counts.counts, alerts: payload.alert_count)
        batch.dropped = dropped
        return batch
    }

    /// The dedupe key and the group hash of the current body.
    private func identity() throws(ParseError) -> (DedupeKey, group: UInt64) {
        let key = try digest(groupOnly: false)
        let group = try digest(groupOnly: true)
        return (DedupeKey(bytes: key), group[..<8].reduce(0) { $0 << 8 | UInt64($1) })
    }

    private func digest(groupOnly: Bool) throws(ParseError) -> [UInt8] {
        sha256.begin()
        let isComplete = webhook_parser_canonical(
            parser, groupOnly,
            { context, bytes, size in
                guard let context else { return }
                let sha256 = Unmanaged<SHA256>.fromOpaque(context).takeUnretainedValue()
                sha256.update(UnsafeRawBufferPointer(start: bytes, count: size))
            }, Unmanaged.passUnretained(sha256).toOpaque())
        let digest = sha256.finish()
        guard isComplete else { throw .outOfMemory }
        return digest
    }

    /// The alerts for one destination.
    private struct Part {
        var destination: Destination
        var alerts: AlertSelection
        /// Whether all its alerts are resolved.
        var isResolved: Bool
    }

    /// Splits the alerts by severity.
    private func parts(_ counts: SeverityCounts) -> [Part] {
        Severity.allCases.filter { counts.alerts(of: $0) > 0 }.map {
            Part(
                destination: Destination(severity: $0), alerts: AlertSelection(marks: ranks, mark: $0.rank),
                isResolved: !counts.isFiring($0))
        }
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
                    destination: destination, alerts: AlertSelection(marks: marks, mark: 1), isResolved: !isFiring[slot]
                ))
        }
        return parts.sorted { $0.destination < $1.destination }
    }

    /// The alerts of a body whose mark equals `mark`.
    private struct AlertSelection: Hashable {
        /// One mark for each alert.
        var marks: [UInt8]
        var mark: UInt8

        /// Whether it contains all alerts.
        var isWhole: Bool { marks.allSatisfy { $0 == mark } }
    }

    /// The body of each part; empty for the whole body. Parts with the same alerts have the same array.
    private func bodies(_ parts: [Part], size: Int) throws(ParseError) -> [[UInt8]] {
        let originals = originals(of: parts)
        var sizes: [Int] = []
        var total = 0
        for (part, original) in zip(parts, originals) {
            let partSize = original < sizes.count ? sizes[original] : self.size(of: part.alerts, whole: size)
            guard partSize > 0 else { throw .outOfMemory }
            sizes.append(partSize)
            total += partSize
            guard total <= Self.partsLimit(size) else {
                throw .tooManyCopies(parts.count, limit: Self.partsLimit(size))
            }
        }
        var bodies: [[UInt8]] = []
        for (index, part) in parts.enumerated() {
            let original = originals[index]
            bodies.append(original < index ? bodies[original] : body(of: part.alerts, size: sizes[index]))
        }
        return bodies
    }

    /// For each part, the index of the first part with the same alerts.
    private func originals(of parts: [Part]) -> [Int] {
        // Parts by severity have no alerts in common.
        if router.isEmpty { return Array(parts.indices) }
        var first: [AlertSelection: Int] = [:]
        return parts.enumerated().map { index, part in
            first[part.alerts] = first[part.alerts] ?? index
            return first[part.alerts] ?? index
        }
    }

    private func size(of selection: AlertSelection, whole: Int) -> Int {
        selection.isWhole ? whole : webhook_parser_subset(parser, selection.marks, selection.mark, nil)
    }

    private func body(of selection: AlertSelection, size: Int) -> [UInt8] {
        if selection.isWhole { return [] }
        return [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            count = webhook_parser_subset(parser, selection.marks, selection.mark, buffer.baseAddress)
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
