package import Alerts

/// The last accepted state of a group. It decides on the group's next payload: the rule for duplicates and repeats, as a
/// value.
///
/// A shared engine keeps one row for each group and applies this rule in its transaction, one payload after the other.
/// `DedupeIndex` and `RepeatCounts` apply it in memory, where the rows of the spool stay sequential. An engine may forget
/// a state after the window. `repeats` then starts again, so it should keep some tens of thousands of groups for a
/// repeat interval or two.
package struct GroupState: Sendable, Equatable {
    /// Without the mark of a repeat.
    package var key: ShortDedupeKey
    /// Whether the state was accepted as a deliberate repeat.
    package var isRepeat: Bool
    /// When it was accepted.
    package var at: Timestamp
    /// How often the state was accepted again; nil if unknown.
    package var repeats: Int?

    package init(key: ShortDedupeKey, isRepeat: Bool, at: Timestamp, repeats: Int?) {
        (self.key, self.isRepeat, self.at, self.repeats) = (key, isRepeat, at, repeats)
    }

    /// The state after a payload is accepted; nil if the payload is a duplicate.
    ///
    /// - A payload is a duplicate if its key equals that of the last state and less than `window` lies between the two,
    ///   in either direction. A deliberate repeat is a duplicate of another repeat only.
    /// - `repeats` is nil if it is unknown: Alertmanager states a repeat of a state that is not the last one known.
    ///   A payload that is stated to be news does not raise the count: it is from a late member of a cluster.
    ///
    /// - Parameters:
    ///   - last: nil if none is known.
    ///   - window: above zero. Without a window nothing is a duplicate, `repeats` is nil, and nothing is remembered.
    package static func after(
        _ last: GroupState?, _ key: ShortDedupeKey, _ reason: AlertBatch.Reason, at now: Timestamp, window: Duration
    ) -> GroupState? {
        let isRepeat = reason == .repetition
        guard let last, last.key == key else {
            return GroupState(key: key, isRepeat: isRepeat, at: now, repeats: isRepeat ? nil : 0)
        }
        let age = now.since(last.at)
        let isRecent = age < window && age > .zero - window
        if isRecent, last.isRepeat || !isRepeat { return nil }
        let repeats = last.repeats.map { reason == .news ? $0 : min($0 + 1, Notification.maxRepeats) }
        return GroupState(key: key, isRepeat: isRepeat, at: now, repeats: repeats)
    }
}
