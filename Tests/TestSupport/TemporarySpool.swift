// Modules that are built for release cannot be imported with @testable.
#if DEBUG
    import Alerts
    package import Foundation
    @testable import Journaling
    @testable package import SQLiteJournal

    /// A storage folder that is deleted when the test ends.
    package final class TemporarySpool: Sendable {
        package let path: String

        package init() {
            path = FileManager.default.temporaryDirectory.appendingPathComponent("spool-\(UUID().uuidString)").path
        }

        deinit {
            try? FileManager.default.removeItem(atPath: path)
        }

        package var database: String { path + "/spool.db" }

        package var names: [String] {
            (try? FileManager.default.contentsOfDirectory(atPath: path).sorted()) ?? []
        }

        /// - Parameter checkedWhenClosed: The size from which on a database is checked only after an unclean shutdown.
        package func store(
            limit: Int64 = 1 << 30, ballast: Int64 = 0, checkedWhenClosed: Int64 = 64 << 20
        ) -> SQLiteJournalStore {
            SQLiteJournalStore(
                SpoolSettings(
                    folder: path, limitBytes: limit, ballastBytes: ballast, checkedWhenClosedBytes: checkedWhenClosed))
        }

        /// Runs SQL on the closed spool, without the journal's code.
        package func edit(_ sql: String) throws {
            try SQLiteConnection(path: database).execute(sql)
        }

        package func bytes(_ name: String) throws -> Data {
            try Data(contentsOf: URL(fileURLWithPath: path + "/" + name))
        }

        package func write(_ data: Data, to name: String) throws {
            try data.write(to: URL(fileURLWithPath: path + "/" + name))
        }

        /// Converts the spool, closed or not, to an earlier schema. The relays of the schemas 1 and 2 had no witness.
        package func downgrade(to version: Int) throws {
            let schema = SQLiteJournalStore.Meta.schema
            var sql = """
                PRAGMA locking_mode = EXCLUSIVE; DROP TABLE history;
                UPDATE meta SET value = \(version), crc = \(RowChecksum.of(name: schema, value: Int64(version)))
                WHERE key = '\(schema)';
                """
            if version < 5 { sql += "DROP TABLE later_states;" }
            if version < 4 { sql += "DROP TABLE hook;" }
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
        package func fill(_ count: Int64, bodySize: Int = 2000) throws {
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
        package func append(_ ids: ClosedRange<Int64>, hasSchema1: Bool = false) throws {
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
        package func pending(_ store: SQLiteJournalStore) throws -> [Int64] {
            try store.pending(.warning, after: nil, limit: 10_000, byteLimit: .max, at: .sample)
                .notifications.map(\.id.sequence)
        }
    }
#endif
