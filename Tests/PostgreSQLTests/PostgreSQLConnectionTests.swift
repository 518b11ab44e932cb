import Foundation
import Support
import TestSupport
import Testing

@testable import PostgreSQLJournal

/// The client against a real server.
@Suite(.needsPostgreSQL, .timeLimit(.minutes(3)))
struct PostgreSQLConnectionTests {
    private let server: PostgreSQLServer

    init() throws { server = try SharedServer.get() }

    private func failure(_ body: () throws -> Void) throws -> PostgreSQLFailure {
        try #require(#expect(throws: PostgreSQLFailure.self) { try body() })
    }

    @Test func valuesComeBackUnchanged() throws {
        let connection = try server.connect()
        let all = (0...255).map { UInt8($0) }
        let rows = try connection.query(
            "SELECT $1::bigint, $2::bytea, $3::text, $4::boolean, $5::bytea, $6::bigint, $7::text, cardinality($8::text[])",
            [
                .integer(.min), .bytes(all), .text("a\0ü\u{1F4A5}"), .bool(true), .bytes([]), .integer(.max),
                .text(nil),
                .texts([]),
            ], within: .seconds(10))
        #expect(try rows.integer(0, 0) == .min && rows.bytes(0, 1) == all && rows.text(0, 2) == "aü\u{1F4A5}")
        #expect(try rows.bool(0, 3) && rows.bytes(0, 4) == [] && rows.integer(0, 5) == .max && rows.text(0, 6) == nil)
        #expect(try rows.integer(0, 7) == 0)
        #expect(throws: PostgreSQLFailure.self) { try rows.integer(0, 0, in: 0...1) }
        #expect(throws: PostgreSQLFailure.self) { try rows.integer(0, 6) }
        #expect(throws: PostgreSQLFailure.self) { try rows.integer(0, 1) }
        #expect(throws: PostgreSQLFailure.self) { try rows.integer(7, 0) }
    }

    @Test func arraysComeBackUnchanged() throws {
        let rows = try server.connect().query(
            "SELECT a, b, c, d, e FROM unnest($1::bigint[], $2::bytea[], $3::text[], $4::boolean[], $5::smallint[]) "
                + "AS t (a, b, c, d, e)",
            [
                .integers([1, -1]), .byteArrays([[0, 255], nil]), .texts([nil, "x\0y"]), .bools([true, false]),
                .smallIntegers([.min, .max]),
            ], within: .seconds(10))
        #expect(rows.count == 2)
        #expect(try rows.integer(1, 0) == -1 && rows.bytes(0, 1) == [0, 255] && rows.bytes(1, 1) == nil)
        #expect(try rows.text(0, 2) == nil && rows.text(1, 2) == "xy" && rows.bool(0, 3) && !rows.bool(1, 3))
        #expect(try rows.integer(0, 4) == Int64(Int16.min) && rows.integer(1, 4) == Int64(Int16.max))
    }

    @Test func largeValuesAreSentAndReceived() throws {
        let body = [UInt8](repeating: 7, count: 8 << 20)
        let rows = try server.connect().query("SELECT $1::bytea", [.bytes(body)], within: .seconds(30))
        #expect(rows.bytes(0, 0) == body)
    }

    @Test func deadlineEndsAWaitAndClosesTheConnection() throws {
        let connection = try server.connect()
        let start = ContinuousClock.now
        let found = try failure { _ = try connection.query("SELECT pg_sleep(20)", within: .milliseconds(200)) }
        #expect(found == .deadline && !connection.isOpen)
        #expect(ContinuousClock.now - start < .seconds(10))
        #expect(try failure { _ = try connection.query("SELECT 1", within: .seconds(5)) } == .closed)
    }

    @Test func endOfTheServerProcessIsAnUnknownOutcome() throws {
        let connection = try server.connect()
        let process = try #require(connection.serverProcess)
        try server.admin("SELECT pg_terminate_backend($1::bigint::integer)::text", [.integer(Int64(process))])
        let found = try failure { _ = try connection.query("SELECT 1", within: .seconds(10)) }
        #expect(found.isOutcomeUnknown && !found.keepsConnection && found.shouldTryAnotherServer && !connection.isOpen)
    }

    @Test func statementsAreClassified() throws {
        let connection = try server.connect()
        let expected: [(sql: String, PostgreSQLFailure.Reason)] = [
            ("SELECT * FROM nowhere", .schema), ("SELECT no_function(1)", .schema), ("SELECT * FROM x.y", .schema),
            ("SELECT 1/0", .other), ("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '53100'; END $$", .diskFull),
            ("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '40P01'; END $$", .busy),
        ]
        for (sql, reason) in expected {
            let found = try failure { _ = try connection.query(sql, within: .seconds(10)) }
            #expect(found.reason == reason && found.keepsConnection && !found.isOutcomeUnknown, "\(sql): \(found)")
        }
        #expect(try connection.query("SELECT 1::bigint", within: .seconds(10)).integer(0, 0) == 1)
    }

    /// The server's lock timeout, not the client's deadline, ends a wait for a lock.
    @Test func lockTimeoutKeepsTheConnection() throws {
        let (holder, waiter) = (try server.connect(), try server.connect())
        _ = try holder.query("SELECT pg_advisory_lock(4711)::text", within: .seconds(10))
        _ = try waiter.query("SET lock_timeout = '50ms'", within: .seconds(10))
        let found = try failure { _ = try waiter.query("SELECT pg_advisory_lock(4711)::text", within: .seconds(10)) }
        #expect(found.reason == .busy && found.sqlState == "55P03" && waiter.isOpen)
    }

    @Test func readOnlySessionIsLeft() throws {
        let connection = try server.connect("options='-c default_transaction_read_only=on' target_session_attrs=any")
        let found = try failure { _ = try connection.query("CREATE TABLE t ()", within: .seconds(10)) }
        #expect(found.reason == .readOnly && found.shouldTryAnotherServer && !connection.isOpen)
        let refused = try failure {
            _ = try server.connect("options='-c default_transaction_read_only=on' target_session_attrs=read-write")
        }
        #expect(refused.reason == .readOnly, "\(refused)")
    }

    /// A warning at the commit means that it did not wait for standbys. Notices do not matter.
    @Test func warningMeansUnknown() throws {
        let connection = try server.connect()
        _ = try connection.query("DO $$ BEGIN RAISE NOTICE 'fine'; END $$", within: .seconds(10))
        let found = try failure {
            _ = try connection.query("DO $$ BEGIN RAISE WARNING 'canceling wait'; END $$", within: .seconds(10))
        }
        #expect(found == .warning && !connection.isOpen)
    }

    @Test func triesEachServerUntilOneAccepts() throws {
        let folder = TemporaryFolder()
        let hosts = "host=\(folder.path),127.0.0.1,\(server.socketFolder) port=5432,1,\(server.port ?? 0)"
        let connection = try PostgreSQLConnection(
            PostgreSQLServers(Secret(hosts + " user=relay dbname=postgres")), within: .seconds(20))
        #expect(connection.server == 2)
        let none = try failure {
            _ = try PostgreSQLConnection(
                PostgreSQLServers(Secret("host=\(folder.path),127.0.0.1 port=5432,1")), within: .seconds(20))
        }
        #expect(none.reason == .unreachable)
    }

    /// A listener that never accepts: its backlog completes connections.
    @Test func silentServerIsGivenUpInTime() throws {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        let port = try Loopback.bindToFreePort(descriptor)
        listen(descriptor, 5)
        let hosts = "host=127.0.0.1,\(server.socketFolder) port=\(port),\(server.port ?? 0) connect_timeout=2"
        let start = ContinuousClock.now
        let connection = try PostgreSQLConnection(
            PostgreSQLServers(Secret(hosts + " user=relay dbname=postgres")), within: .seconds(30))
        #expect(connection.server == 1 && ContinuousClock.now - start < .seconds(20))
        let none = try failure {
            _ = try PostgreSQLConnection(
                PostgreSQLServers(Secret("host=127.0.0.1 port=\(port)")), within: .milliseconds(300))
        }
        #expect(none.reason == .unreachable && none.message.contains("timed out"))
    }

    @Test func passwordNeverShows() throws {
        let port = try #require(server.port)
        let connect = { (password: String, rest: String) in
            try PostgreSQLConnection(
                PostgreSQLServers(Secret("host=127.0.0.1 port=\(port) user=relay password='\(password)' \(rest)")),
                within: .seconds(20))
        }
        let right = try connect(PostgreSQLServer.password, "dbname=postgres")
        let wrong = try failure { _ = try connect("hunter2", "dbname=postgres") }
        #expect(wrong.reason == .access && wrong.sqlState == "28P01", "\(wrong)")
        let unknown = try failure { _ = try connect(PostgreSQLServer.password, "dbname=s3cret") }
        #expect(unknown.reason == .access && unknown.sqlState == "3D000", "\(unknown)")
        let encrypted = try failure { _ = try connect(PostgreSQLServer.password, "dbname=postgres sslmode=require") }
        #expect(encrypted.reason == .access, "\(encrypted)")
        // A password that is not percent-encoded in a URI becomes part of the host, the port or the name.
        let uris = ["postgresql://relay:hunter2@x@127.0.0.1:1/postgres", "postgresql://127.0.0.1:1/hunter2@db"]
        for uri in uris {
            let found = try failure {
                _ = try PostgreSQLConnection(PostgreSQLServers(Secret(uri)), within: .seconds(20))
            }
            #expect(!"\(found)".contains("hunter2") && !"\(found)".contains("x@"), "\(found)")
        }
        var dumped = ""
        for value in [wrong, unknown, encrypted] { dump(value, to: &dumped) }
        dump(right, to: &dumped)
        #expect(!dumped.contains("s3cret") && !dumped.contains("hunter2"), "\(dumped)")
    }
}
