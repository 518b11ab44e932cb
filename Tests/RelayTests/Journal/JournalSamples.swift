import Foundation
import Libevent
import Testing

@testable import Relay

extension Timestamp {
    /// A moment in 2026 that journal tests take for now.
    static let sample = Timestamp(seconds: 1_795_000_000, nanoseconds: 123_456_789)

    func advanced(bySeconds seconds: Int64) -> Timestamp {
        Timestamp(seconds: self.seconds + seconds, nanoseconds: nanoseconds)
    }
}

/// Values that journal tests are made of, with defaults for what a test does not care about.
enum JournalSamples {
    static func notification(
        _ severity: Severity = .warning, group: UInt64 = .max - 7, body: String = "{}"
    ) -> Relay.Notification {
        Relay.Notification(severity: severity, group: group, acceptedAt: .sample, body: [UInt8](body.utf8))
    }

    /// A payload whose dedupe key is made of `key`.
    static func batch(_ key: Int, _ notifications: [Relay.Notification]? = nil) -> AlertBatch {
        let bytes = (0..<32).map { UInt8(truncatingIfNeeded: key >> ($0 % 8 * 8)) }
        return AlertBatch(
            dedupeKey: DedupeKey(bytes: bytes), notifications: notifications ?? [notification(body: "body \(key)")],
            counts: [], alerts: 1)
    }

    static func append(_ sequence: Int64, _ notification: Relay.Notification) -> StoredNotification {
        StoredNotification(
            id: JournalID(sequence: sequence, destination: notification.destination), notification: notification)
    }
}

/// A storage folder that is gone when the test is over.
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

    /// Runs SQL on the closed spool, beside the journal's own code.
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

/// An engine with a disk that outlives each store, so that tests can open it again.
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

    /// A store that is open, with what it found.
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
    /// Leaves `count` warnings in the spool, closed.
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

    /// The sequence numbers of the pending warnings.
    func pending(_ store: SQLiteJournalStore) throws -> [Int64] {
        try store.pending(.warning, after: nil, limit: 10_000, byteLimit: .max, at: .sample)
            .notifications.map(\.id.sequence)
    }
}
