package import Alerts

/// How much of the history is kept. Whatever is reached first applies.
package struct HistoryLimits: Sendable, Equatable {
    /// Entries that ended earlier are not returned, and deleted in time.
    package var maxAge: Duration
    /// The maximum number of entries, not exact: rows are deleted as a whole.
    package var maxEntries: Int

    package static let standard = HistoryLimits(maxAge: .seconds(7 * 86_400), maxEntries: 20_000)
    /// For commands on a spool, which do not know the limits of its relay.
    package static let unlimited = HistoryLimits(maxAge: .seconds(100 * 366 * 86_400), maxEntries: .max)

    package init(maxAge: Duration, maxEntries: Int) {
        self.maxAge = maxAge
        self.maxEntries = maxEntries
    }

    /// Nothing is written, and what exists is deleted in time.
    package var isOff: Bool { maxEntries <= 0 || maxAge <= .zero }

    /// Whether a row that ended at `moment` is kept. False for all if the history is off.
    package func keeps(_ moment: Timestamp, at now: Timestamp) -> Bool {
        !isOff && now.since(moment) <= maxAge
    }
}

/// What a store holds of the history, and where its rows begin and end. Rows are numbered in the order of writing, and
/// the oldest are deleted first.
package struct HistoryUsage: Sendable, Equatable {
    package var entries: Int64 = 0
    /// The size of all records in bytes.
    package var bytes: Int64 = 0
    package var firstRow: Int64 = 1
    package var nextRow: Int64 = 1
    /// When the oldest row was written; nil if there is none.
    package var oldest: Timestamp?
    /// The number of entries since the start that were not written or were deleted, because there was no space for them
    /// or they were damaged.
    package var lost: Int64 = 0

    package init() {}

    package var rows: Int64 { max(0, nextRow - firstRow) }

    /// How many of the oldest rows are above the limits of number and size: `most` at most.
    ///
    /// - Parameters:
    ///   - slack: the part of the number that is tolerated, as a divisor, so that an idle store deletes rarely; nil for
    ///     none.
    ///   - byteLimit: the maximum size of all records.
    package func excess(_ limits: HistoryLimits, byteLimit: Int64, slack: Int? = nil, most: Int64) -> Int64 {
        guard rows > 0 else { return 0 }
        if limits.isOff { return min(most, rows) }
        let tolerated = slack.map { Int64(limits.maxEntries / $0) } ?? 0
        // Each row has one entry at least.
        let tooMany = entries > tolerated ? entries - tolerated - Int64(limits.maxEntries) : 0
        let tooLarge = bytes > byteLimit ? (bytes - byteLimit) / max(1, bytes / rows) + 1 : 0
        return min(most, rows, max(0, tooMany, tooLarge))
    }

    /// Whether the oldest row is older than the limit, and than the part of it that is tolerated.
    package func isOld(_ limits: HistoryLimits, at now: Timestamp, slack: Int? = nil) -> Bool {
        let tolerated = slack.map { limits.maxAge / $0 } ?? .zero
        return oldest.map { now.since($0) > limits.maxAge + tolerated } ?? false
    }
}

/// A page of rows, newest first.
package struct StoredHistory: Sendable {
    package struct Row: Sendable {
        package var number: Int64
        package var at: Timestamp
        package var record: HistoryRecord

        package init(number: Int64, at: Timestamp, record: HistoryRecord) {
            (self.number, self.at, self.record) = (number, at, record)
        }
    }

    package var rows: [Row] = []
    /// The last row that was read, including damaged ones; nil if there is none before.
    package var cursor: Int64?
    package var damaged = 0

    package init() {}
}

/// The records of dead letters that one call replays or drops.
package struct HistoryNote: Sendable {
    package var records: [JournalID: HistoryRecord]
    package var at: Timestamp

    package init(records: [JournalID: HistoryRecord], at: Timestamp) {
        (self.records, self.at) = (records, at)
    }
}

extension Journal {
    /// The number of rows that one call reads on the journal queue, and the size of their records in bytes.
    private static var page: (rows: Int, bytes: Int) { (256, 1 << 20) }

    /// Returns the matching entries, newest first. Reads the history page by page, so that appends do not wait long.
    /// Waits for the journal queue: must not be called on it or on the loop.
    ///
    /// Fails if the journal is unavailable, closed or failed. Damaged rows are left out.
    package func history(_ query: HistoryQuery) throws(JournalRefusal) -> HistoryPage {
        let limit = min(max(query.limit, HistoryQuery.limits.lowerBound), HistoryQuery.limits.upperBound)
        var found: [(entry: HistoryEntry, place: HistoryCursor)] = []
        var before = query.before.map { $0.row == .max ? .max : $0.row + 1 }
        while found.count <= limit {
            let stored = try history(before: before)
            for row in stored.rows {
                let entries = row.record.decoded(endedAt: row.at) ?? []
                for (member, entry) in entries.enumerated().reversed() {
                    let place = HistoryCursor(row: row.number, member: member)
                    if query.before.map({ place >= $0 }) ?? false || !query.matches(entry) { continue }
                    found.append((entry, place))
                }
            }
            guard let cursor = stored.cursor else { break }
            before = cursor
        }
        let page = found.prefix(limit)
        return HistoryPage(entries: page.map(\.entry), next: found.count > limit ? page.last?.place : nil)
    }

    private func history(before: Int64?) throws(JournalRefusal) -> StoredHistory {
        try withWriter { $0.history(before: before, rows: Self.page.rows, bytes: Self.page.bytes) }.get()
    }

    /// Applies other limits to the history. Callable from any thread; does not block.
    package func keepHistory(_ limits: HistoryLimits) {
        onWriter { $0.keepHistory(limits) }
    }

    /// The record of a dead letter that is replayed or dropped. Parses its body, so it must not be called on the
    /// journal queue.
    func record(of content: DeadLetterContent, _ outcome: HistoryEntry.Outcome) -> HistoryRecord {
        let letter = content.letter
        var summary = HistoryRecord.Summary(outcome, detail: letter.answer ?? letter.reason.rawValue)
        summary.attempts = letter.attempts
        var members = HistoryMembers()
        // A body that crashed the process could crash it again.
        let isReadable = content.isIntact && letter.reason != .crash
        let alerts = isReadable ? WebhookParser().alertSummaries(content.body, limit: HistoryEntry.maxAlerts) : nil
        members.add(
            id: letter.id, group: letter.group, acceptedAt: letter.acceptedAt, isFiring: !content.isResolved,
            alerts: alerts?.shown.map { HistoryEntry.Alert($0) } ?? [], omitted: alerts?.omitted ?? 0)
        return HistoryRecord(summary, members.chunks[0])
    }
}

extension HistoryCursor: Comparable {
    package static func < (left: HistoryCursor, right: HistoryCursor) -> Bool {
        (left.row, left.member) < (right.row, right.member)
    }
}

extension HistoryEntry.Alert {
    package init(_ alert: AlertSummary) {
        self.init(name: alert.name, fingerprint: alert.fingerprint, isFiring: alert.isFiring)
    }
}

extension HistoryQuery {
    func matches(_ entry: HistoryEntry) -> Bool {
        if let outcome, entry.outcome != outcome { return false }
        if let since, entry.endedAt < since { return false }
        if let fold, entry.fold != fold, entry.id != fold { return false }
        if let room, !(entry.room?.isEqualIgnoringCase(room) ?? false) { return false }
        guard let alert else {
            if let status, entry.isFiring != (status == .firing) { return false }
            return text.map { entry.contains($0) } ?? true
        }
        let prefix = alert.last == "*" ? alert.dropLast() : nil
        let isFound = entry.alerts.contains { candidate in
            if let status, candidate.isFiring != (status == .firing) { return false }
            return prefix.map { candidate.name.startsIgnoringCase($0) } ?? candidate.name.isEqualIgnoringCase(alert)
        }
        return isFound && text.map { entry.contains($0) } ?? true
    }
}

extension HistoryEntry {
    fileprivate func contains(_ text: String) -> Bool {
        let places = [outcome.rawValue, room ?? "", id.description] + alerts.map(\.name)
        return places.contains { $0.containsIgnoringCase(text) }
    }
}

extension StringProtocol {
    fileprivate func isEqualIgnoringCase(_ other: some StringProtocol) -> Bool {
        utf8.count == other.utf8.count && startsIgnoringCase(other)
    }

    fileprivate func startsIgnoringCase(_ other: some StringProtocol) -> Bool {
        utf8.count >= other.utf8.count && zip(utf8, other.utf8).allSatisfy { $0.lowerCased == $1.lowerCased }
    }

    fileprivate func containsIgnoringCase(_ other: some StringProtocol) -> Bool {
        let (own, wanted) = (utf8.map(\.lowerCased), other.utf8.map(\.lowerCased))
        guard own.count >= wanted.count else { return false }
        return (0...own.count - wanted.count).contains { own[$0..<$0 + wanted.count].elementsEqual(wanted) }
    }
}

extension UInt8 {
    fileprivate var lowerCased: UInt8 { (0x41...0x5A).contains(self) ? self | 0x20 : self }
}
