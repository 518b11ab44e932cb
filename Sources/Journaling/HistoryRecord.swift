package import Alerts

/// One row of the history in its stored form: an outcome, and the notifications that had it together.
///
/// A message has one row for each 256 of its notifications, so that a digest of thousands costs few rows. The room and
/// the posts are stored once a row, alert names once a row, a notification of one alert in about 25 bytes.
package struct HistoryRecord: Sendable, Equatable {
    /// What the notifications of a row have in common.
    package struct Summary: Sendable, Equatable {
        package var outcome: HistoryEntry.Outcome
        package var room: String?
        package var isRerouted = false
        package var posts = 0
        package var attempts = 0
        package var messageIDs: [String] = []
        package var foldedWith = 0
        package var fold: JournalID?
        package var detail: String?

        package init(_ outcome: HistoryEntry.Outcome, detail: String? = nil) {
            self.outcome = outcome
            self.detail = detail
        }
    }

    /// The number of entries that the row counts for. Duplicates count as one.
    package let entries: Int
    package let bytes: [UInt8]

    private static let version: UInt8 = 1
    /// The maximum size of texts in bytes. Longer ones are cut.
    private static let (roomLimit, detailLimit, idLimit, idsLimit) = (200, 400, 64, 8)

    /// - Parameter bytes: from a row; decoded by `decoded(row:endedAt:)`.
    package init(entries: Int, bytes: [UInt8]) {
        self.entries = entries
        self.bytes = bytes
    }

    package init(_ summary: Summary, _ members: HistoryMembers.Chunk) {
        var writer = HistoryWriter()
        writer.byte(Self.version)
        writer.byte(summary.outcome.code)
        let flags = [summary.room != nil, summary.isRerouted, summary.fold != nil, summary.detail != nil]
        writer.byte(flags.enumerated().reduce(0) { $0 | ($1.element ? 1 << UInt8($1.offset) : 0) })
        for number in [summary.posts, summary.attempts, summary.foldedWith] { writer.count(number) }
        if let room = summary.room { writer.text(room, limit: Self.roomLimit) }
        if let fold = summary.fold { writer.integer(fold.rawValue) }
        if let detail = summary.detail { writer.text(detail, limit: Self.detailLimit) }
        let ids = summary.messageIDs.prefix(Self.idsLimit)
        writer.count(ids.count)
        for id in ids { writer.text(id, limit: Self.idLimit) }
        writer.count(members.ids.count)
        self.init(
            entries: summary.outcome == .duplicate ? 1 : members.ids.count, bytes: writer.bytes + members.bytes)
    }

    /// The record of one notification whose body was not read.
    package init(_ summary: Summary, id: JournalID, group: UInt64, acceptedAt: Timestamp, isFiring: Bool) {
        var members = HistoryMembers()
        members.add(id: id, group: group, acceptedAt: acceptedAt, isFiring: isFiring, alerts: [])
        self.init(summary, members.chunks[0])
    }

    /// The record of one notification, for example of one that was found in another record.
    package init(_ entry: HistoryEntry, _ summary: Summary) {
        var members = HistoryMembers()
        members.add(entry)
        self.init(summary, members.chunks[0])
    }

    /// The entries in the order in which they were added. Returns nil for bytes that no record has.
    package func decoded(endedAt: Timestamp) -> [HistoryEntry]? {
        var reader = HistoryReader(bytes[...])
        guard reader.byte() == Self.version, let outcome = reader.byte().flatMap(HistoryEntry.Outcome.init(code:)),
            let flags = reader.byte(), flags < 16, let posts = reader.count(), let attempts = reader.count(),
            let foldedWith = reader.count()
        else { return nil }
        var summary = Summary(outcome)
        (summary.posts, summary.attempts, summary.foldedWith) = (posts, attempts, foldedWith)
        summary.isRerouted = flags & 2 != 0
        if flags & 1 != 0 { summary.room = reader.text() }
        if flags & 4 != 0 { summary.fold = reader.integer().map { JournalID(rawValue: $0) } }
        if flags & 8 != 0 { summary.detail = reader.text() }
        guard let ids = reader.count(), ids <= Self.idsLimit else { return nil }
        for _ in 0..<ids {
            guard let id = reader.text() else { return nil }
            summary.messageIDs.append(id)
        }
        guard let count = reader.count(), count <= HistoryMembers.chunkSize,
            let entries = HistoryMembers.entries(count, of: summary, endedAt: endedAt, from: &reader), reader.isAtEnd
        else { return nil }
        return entries
    }
}

extension HistoryEntry.Outcome {
    /// The number of the outcome on disk. It must never change.
    fileprivate var code: UInt8 {
        switch self {
        case .delivered: 1
        case .duplicate: 2
        case .expired: 3
        case .deadLetter: 4
        case .dropped: 5
        case .replayed: 6
        }
    }

    fileprivate init?(code: UInt8) {
        guard let outcome = Self.allCases.first(where: { $0.code == code }) else { return nil }
        self = outcome
    }
}

/// The notifications of a message as the history stores them, in rows of at most `chunkSize`.
package struct HistoryMembers: Sendable {
    /// The notifications of one row.
    package struct Chunk: Sendable, Equatable {
        package fileprivate(set) var ids: [JournalID] = []
        fileprivate var bytes: [UInt8] = []

        /// The entries of the chunk, with no more than what is stored of each notification.
        func entries(_ outcome: HistoryEntry.Outcome) -> [HistoryEntry] {
            var reader = HistoryReader(bytes[...])
            let summary = HistoryRecord.Summary(outcome)
            let endedAt = Timestamp(seconds: 0, nanoseconds: 0)
            return HistoryMembers.entries(ids.count, of: summary, endedAt: endedAt, from: &reader) ?? []
        }
    }

    static let chunkSize = 256
    private static let chunkBytes = 32 << 10
    /// The maximum size of all chunks in bytes. Alerts of further notifications are counted as omitted.
    private static let totalBytes = 2 << 20
    private static let (nameLimit, fingerprintLimit) = (200, 64)

    package private(set) var chunks: [Chunk] = []
    private var names: [String: Int] = [:]
    private var last: (id: Int64, acceptedAt: Int64) = (0, 0)
    private var closedBytes = 0

    package init() {}

    package var count: Int { chunks.reduce(0) { $0 + $1.ids.count } }

    /// The stored facts of one notification, as an entry with the given outcome; nil if it was not added.
    package func entry(of id: JournalID, _ outcome: HistoryEntry.Outcome) -> HistoryEntry? {
        chunks.first { $0.ids.contains(id) }?.entries(outcome).first { $0.id == id }
    }

    /// The stored facts of all notifications, as entries with the given outcome.
    package func entries(_ outcome: HistoryEntry.Outcome) -> [JournalID: HistoryEntry] {
        Dictionary(chunks.flatMap { $0.entries(outcome) }.map { ($0.id, $0) }) { first, _ in first }
    }

    package mutating func add(_ entry: HistoryEntry) {
        add(
            id: entry.id, group: entry.group, acceptedAt: entry.acceptedAt, isFiring: entry.isFiring,
            alerts: entry.alerts, omitted: entry.omittedAlerts, repeated: entry.count)
    }

    /// - Parameters:
    ///   - alerts: at most `HistoryEntry.maxAlerts` of them are kept, the others are counted.
    ///   - omitted: the number of further alerts.
    ///   - repeated: `HistoryEntry.count`.
    package mutating func add(
        id: JournalID, group: UInt64, acceptedAt: Timestamp, isFiring: Bool, alerts: [HistoryEntry.Alert],
        omitted: Int = 0, repeated: Int = 1
    ) {
        startChunkIfNeeded()
        var writer = HistoryWriter()
        let milliseconds = acceptedAt.milliseconds
        writer.integer(id.rawValue &- last.id)
        writer.fixed(group)
        writer.integer(milliseconds &- last.acceptedAt)
        last = (id.rawValue, milliseconds)
        let isFull = closedBytes + chunks[chunks.count - 1].bytes.count > Self.totalBytes
        let kept = isFull ? [] : alerts.prefix(HistoryEntry.maxAlerts)
        let more = max(0, omitted) + alerts.count - kept.count
        writer.byte(UInt8(kept.count) << 3 | (repeated > 1 ? 4 : 0) | (more > 0 ? 2 : 0) | (isFiring ? 1 : 0))
        if more > 0 { writer.count(more) }
        if repeated > 1 { writer.count(repeated) }
        for alert in kept { write(alert, to: &writer) }
        chunks[chunks.count - 1].ids.append(id)
        chunks[chunks.count - 1].bytes += writer.bytes
    }

    private mutating func startChunkIfNeeded() {
        if let last = chunks.last {
            guard last.ids.count >= Self.chunkSize || last.bytes.count >= Self.chunkBytes else { return }
            closedBytes += last.bytes.count
        }
        chunks.append(Chunk())
        (names, last) = ([:], (0, 0))
    }

    /// A name is written where it occurs first; later alerts refer to its number.
    private mutating func write(_ alert: HistoryEntry.Alert, to writer: inout HistoryWriter) {
        let number = names[alert.name]
        let fingerprint = alert.fingerprint.canonicalFingerprint
        writer.count((number ?? 0) << 2 | (alert.isFiring ? 2 : 0) | (fingerprint != nil ? 1 : 0))
        if number == nil {
            writer.text(alert.name, limit: Self.nameLimit)
            names[alert.name] = names.count + 1
        }
        if let fingerprint {
            writer.fixed(fingerprint)
        } else {
            writer.text(alert.fingerprint, limit: Self.fingerprintLimit)
        }
    }

    fileprivate static func entries(
        _ count: Int, of summary: HistoryRecord.Summary, endedAt: Timestamp, from reader: inout HistoryReader
    ) -> [HistoryEntry]? {
        var entries: [HistoryEntry] = []
        var names: [String] = []
        var last: (id: Int64, acceptedAt: Int64) = (0, 0)
        for _ in 0..<count {
            guard let id = reader.integer(), let group = reader.fixed(), let age = reader.integer(),
                let flags = reader.byte(), flags >> 3 <= UInt8(HistoryEntry.maxAlerts)
            else { return nil }
            last = (last.id &+ id, last.acceptedAt &+ age)
            var entry = HistoryEntry(
                id: JournalID(rawValue: last.id), group: group, isFiring: flags & 1 != 0,
                acceptedAt: Timestamp(milliseconds: last.acceptedAt), endedAt: endedAt, outcome: summary.outcome)
            entry.adopt(summary)
            if flags & 2 != 0 {
                guard let omitted = reader.count() else { return nil }
                entry.omittedAlerts = omitted
            }
            if flags & 4 != 0 {
                guard let repeated = reader.count() else { return nil }
                entry.count = repeated
            }
            for _ in 0..<(flags >> 3) {
                guard let alert = alert(from: &reader, &names) else { return nil }
                entry.alerts.append(alert)
            }
            entries.append(entry)
        }
        return entries
    }

    private static func alert(from reader: inout HistoryReader, _ names: inout [String]) -> HistoryEntry.Alert? {
        guard let tag = reader.count() else { return nil }
        let number = tag >> 2
        if number == 0 {
            guard let name = reader.text() else { return nil }
            names.append(name)
        }
        guard number <= names.count else { return nil }
        let name = names[(number == 0 ? names.count : number) - 1]
        guard let fingerprint = tag & 1 != 0 ? reader.fixed()?.fingerprint : reader.text() else { return nil }
        return HistoryEntry.Alert(name: name, fingerprint: fingerprint, isFiring: tag & 2 != 0)
    }
}

extension HistoryEntry {
    fileprivate mutating func adopt(_ summary: HistoryRecord.Summary) {
        (room, isRerouted, posts, attempts) = (summary.room, summary.isRerouted, summary.posts, summary.attempts)
        (messageIDs, detail) = (summary.messageIDs, summary.detail)
        (foldedWith, fold) = (summary.foldedWith, summary.fold)
    }
}

extension Timestamp {
    /// Milliseconds since 1970-01-01T00:00:00Z, rounded down.
    fileprivate var milliseconds: Int64 {
        let nanoseconds = nanosecondsSince1970
        return nanoseconds / 1_000_000 - (nanoseconds % 1_000_000 < 0 ? 1 : 0)
    }

    fileprivate init(milliseconds: Int64) {
        let limit = Int64.max / 1_000_000
        self.init(nanosecondsSince1970: min(max(milliseconds, -limit), limit) * 1_000_000)
    }
}

extension String {
    /// The value of a fingerprint as Alertmanager writes it: 16 hex digits in lower case; nil for other texts.
    fileprivate var canonicalFingerprint: UInt64? {
        guard utf8.count == 16, utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }) else {
            return nil
        }
        return UInt64(self, radix: 16)
    }
}

extension UInt64 {
    fileprivate var fingerprint: String {
        let digits = String(self, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
