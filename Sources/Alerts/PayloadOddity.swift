import CSimdjson

/// A kind of value in a webhook body that is not as documented. The value is unknown to the relay, and the alerts of the
/// body are accepted. The raw value is a metric label.
package enum PayloadOddity: String, CaseIterable, Sendable {
    /// A `startsAt` or `endsAt` that is not an RFC 3339 time.
    case time
    /// A label without a text: null, an array or an object, which is left out; a number or a boolean, which is its text.
    case label
    /// An annotation, as for labels.
    case annotation
    /// Another field of a wrong type, or an unknown status.
    case field
    /// An element of `alerts` that is not an object; it is left out.
    case alert
    /// A field that all senders set is absent or null.
    case missing
    /// An object has a name twice; the last value counts.
    case duplicate

    static func counts(in payload: webhook_payload) -> [PayloadOddity: Int] {
        var counts: [PayloadOddity: Int] = [:]
        let times = payload.alertViews.reduce(0) {
            $0 + ($1.starts_at.isOddTime ? 1 : 0) + ($1.ends_at.isOddTime ? 1 : 0)
        }
        if times > 0 { counts[.time] = times }
        withUnsafeBytes(of: payload.oddities) { bytes in
            for (kind, count) in zip(kinds, bytes.bindMemory(to: UInt32.self)) where count > 0 {
                counts[kind] = Int(count)
            }
        }
        return counts
    }

    /// In the order of `webhook_oddity`.
    private static let kinds: [PayloadOddity] = [.alert, .field, .label, .annotation, .duplicate, .missing]
}
