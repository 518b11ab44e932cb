import CSimdjson

/// Reads webhook bodies of version "4" (`contracts/alertmanager.md`, "Body").
///
/// One a thread: the memory it works in is reused from body to body. Every body that `parse` takes, and every body of
/// the notifications that it makes of it, `decode` takes too.
final class WebhookParser {
    /// The room beyond its count that an array should have, to be read where it is.
    static let padding = 64

    private let parser: OpaquePointer
    private let severities: SeverityMap
    private let router: AlertRouter
    private let sha256 = SHA256()
    /// The tier of each alert of the body at hand.
    private var tiers: [UInt8] = []

    /// - Parameter router: tells which alerts are for another room than their severity's.
    init(severities: SeverityMap = SeverityMap(), router: AlertRouter = AlertRouter()) {
        guard let parser = webhook_parser_create() else { fatalError("no memory for a parser") }
        self.parser = parser
        self.severities = severities
        self.router = router
    }

    deinit {
        webhook_parser_destroy(parser)
    }

    /// Checks a body, classifies its alerts and splits it by destination.
    ///
    /// An array with `padding` bytes of capacity beyond its count is read where it is; any other is copied first.
    /// Where all alerts are for one destination the array itself is the notification's body.
    func parse(_ body: consuming [UInt8], acceptedAt: Timestamp) throws(ParseError) -> AlertBatch {
        defer { trim() }
        let capacity = body.capacity
        var batch = try body.withUnsafeBufferPointer { (bytes) throws(ParseError) -> AlertBatch in
            let payload = try read(bytes, readable: capacity)
            let tally = try classify(payload)
            return try split(payload, tally, acceptedAt: acceptedAt)
        }
        if batch.notifications.count == 1 { batch.notifications[0].body = body }
        return batch
    }

    /// Checks the body of `bytes` and gives views of it that live until the next call, at most as long as `bytes`.
    func read(_ bytes: UnsafeBufferPointer<UInt8>, readable: Int) throws(ParseError) -> webhook_payload {
        var payload = webhook_payload()
        let fault = webhook_parser_parse(parser, bytes.baseAddress, bytes.count, readable, &payload)
        guard fault == WEBHOOK_OK else {
            throw ParseError(reason: ParseError.Reason(fault), message: webhook_parser_message(parser).text)
        }
        return payload
    }

    /// Gives back the memory that a huge body took.
    func trim() {
        webhook_parser_trim(parser)
    }

    /// Notes the tier of every alert and counts them; looks at their times too, since a batch must decode later.
    private func classify(_ payload: webhook_payload) throws(ParseError) -> Tally {
        var tally = Tally()
        tiers.removeAll(keepingCapacity: true)
        for (index, alert) in payload.views.enumerated() {
            _ = try alert.starts_at.time(alert: index, "startsAt")
            _ = try alert.ends_at.time(alert: index, "endsAt")
            let severity = severities.severity(of: alert.severity.bytes)
            tiers.append(severity.tier)
            tally.add(severity, resolved: alert.resolved)
        }
        return tally
    }

    private func split(
        _ payload: webhook_payload, _ tally: Tally, acceptedAt: Timestamp
    ) throws(ParseError) -> AlertBatch {
        let (key, group) = try identity()
        let shares = router.isEmpty ? shares(tally) : shares(payload)
        var notifications: [Notification] = []
        notifications.reserveCapacity(shares.count)
        for share in shares {
            let body = shares.count == 1 ? [] : try subset(share)
            notifications.append(
                Notification(
                    severity: share.destination.severity, receiver: share.destination.receiver, group: group,
                    acceptedAt: acceptedAt, body: body))
        }
        return AlertBatch(
            dedupeKey: key, isRepeat: Payload.meansRepeat(payload.notification_reason.text),
            notifications: notifications, counts: tally.counts, alerts: payload.alert_count)
    }

    /// The dedupe key of the body at hand and the hash of its group.
    private func identity() throws(ParseError) -> (DedupeKey, group: UInt64) {
        var groupSize = 0
        guard let canonical = webhook_parser_canonical(parser, &groupSize).bytes else { throw .outOfMemory }
        let key = sha256.digest(of: canonical)
        let group = sha256.digest(of: UnsafeRawBufferPointer(rebasing: canonical[..<groupSize]))
        return (DedupeKey(bytes: key), group[..<8].reduce(0) { $0 << 8 | UInt64($1) })
    }

    /// The alerts that are for one destination: those that have this mark.
    private struct Share {
        var destination: Destination
        var marks: [UInt8]
        var mark: UInt8
    }

    /// By severity alone.
    private func shares(_ tally: Tally) -> [Share] {
        Severity.allCases.filter { tally.alerts(of: $0) > 0 }.map {
            Share(destination: Destination(severity: $0), marks: tiers, mark: $0.tier)
        }
    }

    /// By receiver and severity. An alert may have several.
    private func shares(_ payload: webhook_payload) -> [Share] {
        var marks: [Destination: [UInt8]] = [:]
        for (index, alert) in payload.views.enumerated() {
            let severity = Severity.allCases[Int(tiers[index])]
            for receiver in router.receivers(for: payload.labels(alert.labels)) {
                let destination = Destination(receiver: receiver, severity: severity)
                marks[destination, default: [UInt8](repeating: 0, count: payload.alert_count)][index] = 1
            }
        }
        return marks.sorted { $0.key < $1.key }.map { Share(destination: $0.key, marks: $0.value, mark: 1) }
    }

    /// The body at hand with the alerts of one destination.
    private func subset(_ share: Share) throws(ParseError) -> [UInt8] {
        let size = webhook_parser_subset(parser, share.marks, share.mark, nil)
        guard size > 0 else { throw .outOfMemory }
        return [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            count = webhook_parser_subset(parser, share.marks, share.mark, buffer.baseAddress)
        }
    }
}
