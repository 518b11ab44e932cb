import Support
import TestSupport
import Testing

@testable import Journaling
@testable import PostgreSQLJournal

@Suite(.needsPostgreSQL, .timeLimit(.minutes(3)))
struct DatabaseConnectorTests {
    private func connector(_ test: TestSchema, _ address: String? = nil) throws -> DatabaseConnector {
        DatabaseConnector(
            try PostgreSQLServers(Secret(address ?? test.server.address)), test.schema, requiresStandbys: false)
    }

    /// Neither the first call nor the one after a lost connection waits.
    @Test func callsFailUntilItIsConnected() throws {
        let test = try TestSchema(on: SharedServer.get())
        let engine = PostgreSQLEngine(try connector(test), window: .seconds(60))
        #expect(throws: JournalStoreError.unavailable(.connection)) { try engine.inspect() }
        #expect(eventually { (try? engine.inspect()) == .ample })
        #expect(try engine.append(JournalSamples.payload(1))[0].stored.count == 1)
        engine.closeWithoutFlush()
        #expect(throws: JournalStoreError.self) { try engine.append(JournalSamples.payload(1)) }
        #expect(eventually { (try? engine.append(JournalSamples.payload(1))) == [.duplicate] })
    }

    @Test func reasonOfTheLastAttemptIsKept() throws {
        let test = try TestSchema(on: SharedServer.get())
        let readOnly = test.server.address + " options='-c default_transaction_read_only=on'"
        let posting = PostgreSQLPosting(try connector(test, readOnly))
        #expect(
            eventually {
                do throws(JournalStoreError) { _ = try posting.sight() } catch {
                    return error == .unavailable(.readOnly)
                }
                return false
            })
    }

    @Test func terminatedSessionIsReplaced() throws {
        let test = try TestSchema(on: SharedServer.get())
        let connector = try connector(test)
        #expect(eventually { (try? connector.journal()) != nil })
        let process = try #require(try connector.journal().connection.serverProcess)
        try test.server.admin("SELECT pg_terminate_backend($1::bigint::integer)::text", [.integer(Int64(process))])
        let posting = PostgreSQLPosting(connector)
        #expect(throws: JournalStoreError.self) { try posting.sight() }
        #expect(eventually { (try? posting.sight())?.epoch == 0 })
    }
}
