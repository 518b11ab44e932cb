import Foundation
import Libevent
import Testing

@testable import Alerts
@testable import Journaling
@testable import Posting
@testable import Relay
@testable import RocketChat
@testable import SQLiteJournal
@testable import Support

extension Timestamp {
    /// The current time of journal tests, in 2026.
    static let sample = Timestamp(seconds: 1_795_000_000, nanoseconds: 123_456_789)

    func advanced(bySeconds seconds: Int64) -> Timestamp {
        Timestamp(seconds: self.seconds + seconds, nanoseconds: nanoseconds)
    }
}

/// Values for journal tests, with defaults for properties that do not matter to a test.
enum JournalSamples {
    static func notification(
        _ severity: Severity = .warning, group: UInt64 = .max - 7, body: String = "{}", isResolved: Bool = false,
        isReplayed: Bool = false
    ) -> Alerts.Notification {
        Alerts.Notification(
            severity: severity, group: group, acceptedAt: .sample, body: [UInt8](body.utf8), isResolved: isResolved,
            isReplayed: isReplayed)
    }

    /// A batch whose dedupe key is derived from `key`.
    static func batch(_ key: Int, _ notifications: [Alerts.Notification]? = nil) -> AlertBatch {
        let bytes = (0..<32).map { UInt8(truncatingIfNeeded: key >> ($0 % 8 * 8)) }
        return AlertBatch(
            dedupeKey: DedupeKey(bytes: bytes), notifications: notifications ?? [notification(body: "body \(key)")],
            counts: [], alerts: 1)
    }

    static func append(_ sequence: Int64, _ notification: Alerts.Notification) -> StoredNotification {
        StoredNotification(
            id: JournalID(sequence: sequence, destination: notification.destination), notification: notification)
    }
}

extension PendingRow {
    /// The row of a notification, without its body.
    init(_ stored: StoredNotification) {
        self.init(
            id: stored.id, group: stored.notification.group, isResolved: stored.notification.isResolved,
            isReplayed: stored.notification.isReplayed)
    }
}

/// A storage folder that is deleted when the test ends.
final class TemporarySpool: Sendable {
    let path: String

    init() {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("spool-\(UUID().uuidString)").path
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    var database: String { path + "/spool.db" }

    var names: [String] {
        (try? FileManager.default.contentsOfDirectory(atPath: path).sorted()) ?? []
    }

    func store(
        limit: Int64 = 1 << 30, ballast: Int64 = 0, schema: SQLiteSchema = .current
    ) -> SQLiteJournalStore {
        SQLiteJournalStore(SpoolSettings(folder: path, limitBytes: limit, ballastBytes: ballast), schema: schema)
    }

    /// Runs SQL on the closed spool, without the journal's code.
    func edit(_ sql: String) throws {
        try SQLiteConnection(path: database).execute(sql)
    }

    func bytes(_ name: String) throws -> Data {
        try Data(contentsOf: URL(fileURLWithPath: path + "/" + name))
    }

    func write(_ data: Data, to name: String) throws {
        try data.write(to: URL(fileURLWithPath: path + "/" + name))
    }
}

/// A journal engine whose disk outlives each store, so that tests can open it again.
enum JournalMedium: CustomTestStringConvertible, Sendable {
    case memory(Locked<MemoryJournalStore.Content>)
    case sqlite(TemporarySpool)

    static func fresh() -> [JournalMedium] {
        [.memory(Locked(MemoryJournalStore.Content())), .sqlite(TemporarySpool())]
    }

    func store() -> any JournalStore {
        switch self {
        case .memory(let disk): MemoryJournalStore(disk: disk)
        case .sqlite(let spool): spool.store()
        }
    }

    /// Returns an open store and its recovery report.
    func open(at now: Timestamp = .sample) throws -> (any JournalStore, JournalRecovery) {
        let store = store()
        return (store, try store.open(at: now))
    }

    var testDescription: String {
        switch self {
        case .memory: "memory"
        case .sqlite: "sqlite"
        }
    }
}

extension TemporarySpool {
    /// Converts the spool, closed or not, to an earlier schema. The relays of the schemas 1 and 2 had no witness.
    func downgrade(to version: Int) throws {
        let schema = SQLiteJournalStore.Meta.schema
        var sql = """
            PRAGMA locking_mode = EXCLUSIVE; DROP TABLE hook;
            UPDATE meta SET value = 3, crc = \(RowChecksum.of(name: schema, value: 3)) WHERE key = '\(schema)';
            """
        if version < 3 {
            sql += """
                DELETE FROM meta WHERE key IN ('\(schema)', '\(SQLiteJournalStore.Meta.session)'); DROP TABLE report;
                ALTER TABLE meta DROP COLUMN crc; ALTER TABLE receiver DROP COLUMN crc;
                """
            try FileManager.default.removeItem(atPath: path + "/spool.witness")
        }
        if version < 2 { sql += "DROP TABLE receiver;" }
        try edit(sql + "PRAGMA user_version = \(version)")
    }

    /// Writes `count` warnings to the spool and closes it.
    func fill(_ count: Int64, bodySize: Int = 2000) throws {
        let store = store()
        _ = try store.open(at: .sample)
        for id in 1...count {
            let body = String(repeating: "x", count: bodySize)
            let row = JournalSamples.append(id, JournalSamples.notification(body: "\(id) \(body)"))
            try store.commit(JournalTransaction(appends: [[row]], at: .sample))
        }
        try store.close(at: .sample)
    }

    /// Adds warnings after `fill`, one per transaction, and ends like a killed process: the warnings are in the log,
    /// and the spool is marked as open.
    func append(_ ids: ClosedRange<Int64>, hasSchema1: Bool = false) throws {
        if hasSchema1 {
            let connection = try SQLiteConnection(path: database)
            try connection.execute("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL")
            try connection.execute("UPDATE meta SET value = 0 WHERE key = 'clean_shutdown'")
            for id in ids {
                let row = SpoolRow(JournalSamples.append(id, JournalSamples.notification(body: "\(id)")))
                try connection.prepare("INSERT INTO notification_warning VALUES (?, ?, ?, ?, ?)")
                    .bind(row.id, row.group, row.acceptedAt, row.checksum).run(blob: [UInt8]("\(id)".utf8), at: 5)
            }
            return
        }
        let store = store()
        _ = try store.open(at: .sample)
        for id in ids {
            let row = JournalSamples.append(id, JournalSamples.notification(body: "\(id)"))
            try store.commit(JournalTransaction(appends: [[row]], at: .sample))
        }
        store.closeWithoutFlush()
    }

    /// The sequence numbers of the pending warnings.
    func pending(_ store: SQLiteJournalStore) throws -> [Int64] {
        try store.pending(.warning, after: nil, limit: 10_000, byteLimit: .max, at: .sample)
            .notifications.map(\.id.sequence)
    }
}
