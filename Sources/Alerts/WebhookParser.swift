package import CSimdjson
import Support

/// Reads webhook bodies of version "4" (docs/alertmanager.md, "Body").
///
/// Not to be used by two threads at once: the memory it works in is reused from body to body. `WebhookDecoder` reads on any
/// thread. Besides the body and its parts it takes at most one body more and 64 MiB (views, and marks of which alert is
/// whose), whatever the body holds. Every body that `parse` takes, and every body of the notifications that it makes of
/// it, `decode` takes too.
package final class WebhookParser {
    /// The bytes that the parts of a webhook of `size` bytes may have together, one for each destination. Severities
    /// alone never exceed it: there are four.
    static func partsLimit(_ size: Int) -> Int { max(64 << 20, 4 * size) }

    private let parser: OpaquePointer
    private let severities: SeverityMap
    private let router: AlertRouter
    private let sha256 = SHA256()
    /// The tier of each alert of the body at hand.
    private var ranks: [UInt8] = []

    /// - Parameter router: tells which alerts are for another room than their severity's.
    package init(severities: SeverityMap = SeverityMap(), router: AlertRouter = AlertRouter()) {
        guard let parser = webhook_parser_create() else { bug("out of memory for a webhook parser") }
        self.parser = parser
        self.severities = severities
        self.router = router
    }

    deinit {
        webhook_parser_destroy(parser)
    }

    /// Checks a body, classifies its alerts and splits it by destination.
    ///
    /// Where all alerts are for a destination the array itself is the notification's body, and destinations with the
    /// same alerts share one array. What they would take on disk together is bounded by `partsLimit`.
    package func parse(_ body: consuming [UInt8], acceptedAt: Timestamp) throws(ParseError) -> AlertBatch {
        defer { trim() }
        var batch = try body.withUnsafeBufferPointer { (bytes) throws(ParseError) -> AlertBatch in
            let payload = try read(bytes)
            let tally = try classify(payload)
            return try split(payload, tally, size: bytes.count, acceptedAt: acceptedAt)
        }
        for index in batch.notifications.indices where batch.notifications[index].body.isEmpty {
            batch.notifications[index].body = body
        }
        return batch
    }

    /// Checks the body of `bytes` and gives views of it that live until the next call, at most as long as `bytes`.
    package func read(_ bytes: UnsafeBufferPointer<UInt8>) throws(ParseError) -> webhook_payload {
        var payload = webhook_payload()
        let fault = webhook_parser_parse(parser, bytes.baseAddress, bytes.count, &payload)
        guard fault == WEBHOOK_OK else {
            throw ParseError(reason: ParseError.Reason(fault), message: webhook_parser_message(parser).text)
        }
        return payload
    }

    /// Gives back the memory that a huge body took.
    package func trim() {
        webhook_parser_trim(parser)
    }

    /// Notes the tier of every alert and counts them; looks at their times too, since a batch must decode later.
    private func classify(_ payload: webhook_payload) throws(ParseError) -> SeverityCounts {
        var tally = SeverityCounts()
        ranks.removeAll(keepingCapacity: true)
        for (index, alert) in payload.views.enumerated() {
            _ = try alert.starts_at.time(alert: index, "startsAt")
            _ = try alert.ends_at.time(alert: index, "endsAt")
            let severity = severities.severity(of: alert.severity.bytes)
            ranks.append(severity.rank)
            tally.add(severity, resolved: alert.resolved)
        }
        return tally
    }

    /// A notification that is to have the whole body has none yet.
    private func split(
        _ payload: webhook_payload, _ tally: SeverityCounts, size: Int, acceptedAt: Timestamp
    ) throws(ParseError) -> AlertBatch {
        let (key, group) = try identity()
        let shares = router.isEmpty ? shares(tally) : shares(payload)
        let parts = try parts(shares, size: size)
        let notifications = zip(shares, parts).map { share, body in
            Notification(
                severity: share.destination.severity, receiver: share.destination.receiver, group: group,
                acceptedAt: acceptedAt, body: body, isResolved: share.isResolved && payload.truncated_alerts == 0)
        }
        return AlertBatch(
            dedupeKey: key, isRepeat: Payload.meansRepeat(payload.notification_reason.text),
            notifications: notifications, counts: tally.counts, alerts: payload.alert_count)
    }

    /// The dedupe key of the body at hand and the hash of its group.
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

    /// The alerts that are for one destination.
    private struct Share {
        var destination: Destination
        var alerts: Marked
        /// None of its alerts fires.
        var isResolved: Bool
    }

    /// By severity alone.
    private func shares(_ tally: SeverityCounts) -> [Share] {
        Severity.allCases.filter { tally.alerts(of: $0) > 0 }.map {
            Share(
                destination: Destination(severity: $0), alerts: Marked(marks: ranks, mark: $0.rank),
                isResolved: !tally.isFiring($0))
        }
    }

    /// By receiver and severity. An alert may have several.
    private func shares(_ payload: webhook_payload) -> [Share] {
        // By receiver and, within it, by tier: a dictionary would be asked once for each alert and receiver.
        let severities = Severity.allCases
        var marks = [[UInt8]](repeating: [], count: (Int(UInt8.max) + 1) * severities.count)
        var isFiring = [Bool](repeating: false, count: marks.count)
        for (index, alert) in payload.views.enumerated() {
            for receiver in router.receivers(in: LabelViews(payload: payload, labels: alert.labels)) {
                let place = Int(receiver.rawValue) * severities.count + Int(ranks[index])
                if marks[place].isEmpty { marks[place] = [UInt8](repeating: 0, count: payload.alert_count) }
                marks[place][index] = 1
                if !alert.resolved { isFiring[place] = true }
            }
        }
        var shares: [Share] = []
        for (place, marks) in marks.enumerated() where !marks.isEmpty {
            let receiver = ReceiverID(rawValue: UInt8(place / severities.count))
            let destination = Destination(receiver: receiver, severity: severities[place % severities.count])
            shares.append(
                Share(
                    destination: destination, alerts: Marked(marks: marks, mark: 1), isResolved: !isFiring[place]))
        }
        return shares.sorted { $0.destination < $1.destination }
    }

    /// Those alerts of one body that have this mark.
    private struct Marked: Hashable {
        var marks: [UInt8]
        var mark: UInt8

        var isWhole: Bool { marks.allSatisfy { $0 == mark } }
    }

    /// A body for each share, empty where it is to be the whole one. Shares of the same alerts have the same array.
    private func parts(_ shares: [Share], size: Int) throws(ParseError) -> [[UInt8]] {
        let originals = originals(of: shares)
        var sizes: [Int] = []
        var total = 0
        for (share, original) in zip(shares, originals) {
            let part = original < sizes.count ? sizes[original] : self.size(of: share.alerts, whole: size)
            guard part > 0 else { throw .outOfMemory }
            sizes.append(part)
            total += part
            guard total <= Self.partsLimit(size) else {
                throw .tooManyCopies(shares.count, limit: Self.partsLimit(size))
            }
        }
        var parts: [[UInt8]] = []
        for (index, share) in shares.enumerated() {
            let original = originals[index]
            parts.append(original < index ? parts[original] : body(of: share.alerts, size: sizes[index]))
        }
        return parts
    }

    /// For each share the first one that has the same alerts.
    private func originals(of shares: [Share]) -> [Int] {
        // An alert has one severity.
        if router.isEmpty { return Array(shares.indices) }
        var first: [Marked: Int] = [:]
        return shares.enumerated().map { index, share in
            first[share.alerts] = first[share.alerts] ?? index
            return first[share.alerts] ?? index
        }
    }

    private func size(of marked: Marked, whole: Int) -> Int {
        marked.isWhole ? whole : webhook_parser_subset(parser, marked.marks, marked.mark, nil)
    }

    private func body(of marked: Marked, size: Int) -> [UInt8] {
        if marked.isWhole { return [] }
        return [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            count = webhook_parser_subset(parser, marked.marks, marked.mark, buffer.baseAddress)
        }
    }
}

extension WebhookParser {
    /// Reads a whole body into the model that is rendered.
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
    package func labels(_ range: webhook_pairs) -> Labels {
        let views = UnsafeBufferPointer(start: pairs, count: range.first + range.count)[range.first...]
        return Labels(pairs: views.map { Labels.Pair(name: $0.name.text, value: $0.value.text) })
    }
}

/// Why a webhook body is refused: the sender gets the message with a 400, the metric the reason.
package struct ParseError: Error, Equatable {
    /// The values of `relay_payloads_rejected_total{reason}` that parsing gives.
    package enum Reason: String, CaseIterable, Sendable {
        case empty
        case invalidUTF8
        case invalidJSON
        /// More than 64 arrays and objects inside one another.
        case tooDeep
        case notAnObject
        /// Neither `version` nor `alerts`: a templated `payload:` or something else altogether.
        case notAWebhook
        case wrongVersion
        case missingField
        case wrongType
        case wrongValue
        case duplicateName
        /// More than 65,536 alerts, or 524,288 labels and annotations.
        case tooMany
        /// What one webhook would leave on disk for all its destinations is more than `WebhookParser.partsLimit`.
        case tooManyCopies
        /// Not the sender's fault and no reason for a 400: the same body may pass later (503).
        case outOfMemory
    }

    package var reason: Reason
    /// What is wrong and where, for a person, in one line; quotes only the beginning of a value.
    package var message: String
}

/// How the program's allocator treats large buffers.
package enum MemoryPolicy {
    /// Maps buffers of 256 KiB and more one by one, so that they go back to the system when they are freed. glibc would
    /// raise that bound to 32 MiB with the first such buffer that is freed, and keep what is below it.
    ///
    /// Called once, before there are threads.
    package static func apply() {
        webhook_memory_map_from(256 * 1024)
    }
}
