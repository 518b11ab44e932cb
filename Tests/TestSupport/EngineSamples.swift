// Modules that are built for release cannot be imported with @testable.
#if DEBUG
    package import Alerts
    @testable package import Journaling

    extension JournalSamples {
        /// A payload whose state is derived from `key`, with a notification for each severity.
        package static func payload(
            _ key: Int, group: UInt64 = 7, _ reason: AlertBatch.Reason = .unknown,
            _ severities: [Severity] = [.warning], isResolved: Bool = false, body: String? = nil
        ) -> JournalDraft.Payload {
            var batch = batch(
                key,
                severities.map {
                    notification($0, group: group, body: body ?? "body \(key)", isResolved: isResolved)
                })
            batch.reason = reason
            return JournalDraft.Payload(batch)
        }

        package static let death = JournalSettlement.dead(
            reason: .init(rawValue: "clientError"), attempts: 3, answer: "no \u{1F4A5}")
    }

    extension JournalEngine {
        package func append(
            _ payloads: JournalDraft.Payload..., at now: Timestamp = .sample
        ) throws(JournalStoreError) -> [AppendResult] {
            try commit(JournalDraft(payloads: payloads, at: now))
        }

        package func settle(
            _ ids: [JournalID], as settlement: JournalSettlement, at now: Timestamp = .sample
        ) throws(JournalStoreError) {
            _ = try commit(JournalDraft(settlements: ids.map { .init(id: $0, settlement: settlement) }, at: now))
        }

        /// All pending notifications of a destination.
        package func all(_ destination: Destination) throws(JournalStoreError) -> [StoredNotification] {
            try pending(destination, after: nil, limit: 100_000, byteLimit: .max, at: .sample).notifications
        }

        package func replay(
            _ ids: [JournalID], isForced: Bool = false
        ) throws(JournalStoreError) -> Replay<StoredNotification> {
            try replay(ids, isForced: isForced, history: nil)
        }
    }
#endif
