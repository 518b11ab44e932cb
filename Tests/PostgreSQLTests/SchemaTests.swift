import Alerts
import Dispatch
import Journaling
import Support
import TestSupport
import Testing

@testable import PostgreSQLJournal

@Suite struct SchemaNameTests {
    @Test(arguments: ["relay", "r", "relay_2", "_x"]) func plainNameIsAccepted(name: String) {
        #expect(DatabaseSchema(name: name)?.quoted == "\"\(name)\"")
    }

    @Test(arguments: [
        "", "2x", "Relay", "a-b", "a\"b", "a'b", "pg_relay", "ü", "a b", String(repeating: "a", count: 49),
    ])
    func otherNameIsRefused(name: String) { #expect(DatabaseSchema(name: name) == nil) }
}

@Suite struct DatabaseCheckTests {
    private let sound = DatabaseCheck(
        serverVersion: 150_018, isStandby: false, encoding: "UTF8", isolation: "read committed", isFsyncOn: true,
        isFullPageWritesOn: true, standbys: "ANY 1 (a, b)", schema: 1, oldest: 1)

    private func problems(_ change: (inout DatabaseCheck) -> Void, standbys: Bool = true) -> [String] {
        var check = sound
        change(&check)
        return check.problems(known: 1, requiresStandbys: standbys)
    }

    @Test func soundServerHasNoProblem() {
        #expect(problems { _ in }.isEmpty)
        #expect(problems({ $0.standbys = "" }, standbys: false).isEmpty)
        #expect(problems { ($0.schema, $0.oldest) = (2, 1) }.isEmpty)
    }

    @Test func eachPropertyIsAProblemOfItsOwn() {
        let all = [
            problems { $0.serverVersion = 120_000 }, problems { $0.isStandby = true },
            problems { $0.encoding = "SQL_ASCII" }, problems { $0.isolation = "serializable" },
            problems { $0.isFsyncOn = false }, problems { $0.isFullPageWritesOn = false },
            problems { $0.standbys = "" }, problems { $0.schema = nil }, problems { $0.schema = 0 },
            problems { ($0.schema, $0.oldest) = (3, 2) }, problems { $0.forbidden = ["seen"] },
        ]
        #expect(all.allSatisfy { $0.count == 1 } && Set(all.joined()).count == all.count, "\(all)")
    }
}

@Suite(.needsPostgreSQL, .timeLimit(.minutes(3)))
struct SchemaTests {
    private let server: PostgreSQLServer

    init() throws { server = try SharedServer.get() }

    @Test func missingSchemaIsClassifiedAndFound() throws {
        let test = try TestSchema(on: server, migrates: false)
        let journal = try test.journal()
        #expect(try journal.check().schema == nil)
        let failure = #expect(throws: PostgreSQLFailure.self) {
            try journal.append([DatabaseSamples.payload(1, state: 1)])
        }
        #expect(failure?.reason == .schema && journal.connection.isOpen)
        try journal.migrate()
        let check = try journal.check()
        #expect(check.problems(known: 1, requiresStandbys: false).isEmpty, "\(check)")
        #expect(check.problems(known: 1, requiresStandbys: true).count == 1)
    }

    @Test func fourMigrateAtOnceAndAgain() throws {
        let test = try TestSchema(on: server, migrates: false)
        let failures = Locked<[String]>([])
        DispatchQueue.concurrentPerform(iterations: 4) { _ in
            do {
                let journal = try test.journal()
                for _ in 0..<3 { try journal.migrate() }
            } catch { failures.withLock { $0.append("\(error)") } }
        }
        #expect(failures.withLock { $0 }.isEmpty)
        #expect(try test.journal().append([DatabaseSamples.payload(1, state: 1)])[0] != nil)
        #expect(try test.journal().check().schema == 1)
    }

    /// A rolling upgrade: the new version adds a column and a function, while the old one goes on.
    @Test func twoVersionsShareTheSchema() throws {
        let test = try TestSchema(on: server)
        let old = try test.journal()
        let addition = DatabaseSchema.Migration(oldest: 1) { schema in
            """
            ALTER TABLE \(schema).notification ADD COLUMN addition integer;
            CREATE FUNCTION \(schema).append_2() RETURNS bigint LANGUAGE sql AS 'SELECT 2::bigint';
            """
        }
        let migrations = DatabaseSchema.migrations + [addition]
        let newer = try #require(DatabaseSchema(name: test.schema.name, migrations: migrations))
        #expect(try old.append([DatabaseSamples.payload(1, state: 1)])[0] != nil)
        let new = DatabaseJournal(try server.connect(), newer, requiresStandbys: false)
        try new.migrate()
        #expect(try old.append([DatabaseSamples.payload(2, state: 1)])[0] != nil)
        #expect(try new.append([DatabaseSamples.payload(2, state: 1)])[0] == nil)
        #expect(try old.pending(.critical, after: nil, limit: 9, byteLimit: 999).window.notifications.count == 2)
        try old.migrate()
        #expect(try new.check().schema == 2 && old.check().problems(known: 1, requiresStandbys: false).isEmpty)
        // A later one excludes the old version.
        let exclusive = DatabaseSchema.Migration(oldest: 3) { _ in "SELECT" }
        let newest = try #require(DatabaseSchema(name: test.schema.name, migrations: migrations + [exclusive]))
        try DatabaseJournal(try server.connect(), newest, requiresStandbys: false).migrate()
        let failure = #expect(throws: PostgreSQLFailure.self) { try old.migrate() }
        #expect(failure?.sqlState == PostgreSQLFailure.newerSchemaState && failure?.reason == .schema)
        #expect(try old.check().problems(known: 1, requiresStandbys: false).count == 1)
    }

    @Test func failedMigrationChangesNothing() throws {
        let broken = DatabaseSchema.Migration(oldest: 1) { _ in "SELECT 1/0" }
        let name = try TestSchema(on: server, migrates: false).schema.name
        let schema = try #require(DatabaseSchema(name: name, migrations: DatabaseSchema.migrations + [broken]))
        let journal = DatabaseJournal(try server.connect(), schema, requiresStandbys: false)
        #expect(throws: PostgreSQLFailure.self) { try journal.migrate() }
        #expect(try journal.check().schema == nil)
        #expect(try server.admin("SELECT to_regnamespace('\(name)')::text") == nil)
    }

    /// Running needs rights to use the tables and functions, not to change the schema.
    @Test func roleWithoutOwnershipCanRun() throws {
        let test = try TestSchema(on: server)
        let role = test.schema.name
        try server.admin("CREATE ROLE \(role) LOGIN")
        let journal = try test.journal(at: server.address(as: role))
        #expect(try journal.check().schema == nil)
        try server.admin("GRANT USAGE ON SCHEMA \(role) TO \(role)")
        try server.admin("GRANT SELECT ON \(role).version TO \(role)")
        let forbidden = try journal.check().forbidden
        #expect(forbidden.contains("notification") && forbidden.contains("sequence") && !forbidden.contains("version"))
        let failure = #expect(throws: PostgreSQLFailure.self) {
            try journal.append([DatabaseSamples.payload(1, state: 1)])
        }
        #expect(failure?.reason == .schema && failure?.sqlState == "42501")
        try server.admin("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA \(role) TO \(role)")
        try server.admin("GRANT USAGE, UPDATE ON ALL SEQUENCES IN SCHEMA \(role) TO \(role)")
        #expect(try journal.check().problems(known: 1, requiresStandbys: false).isEmpty)
        #expect(try journal.append([DatabaseSamples.payload(1, state: 1)])[0] != nil)
        #expect(try journal.seize(as: "a") != nil)
        try journal.migrate()
    }
}
