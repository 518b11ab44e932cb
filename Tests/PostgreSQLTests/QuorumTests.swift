import Alerts
import Dispatch
import Foundation
import Support
import TestSupport
import Testing

@testable import Journaling
@testable import PostgreSQLJournal

/// A primary with two standbys. The tests stop servers, so that they run one after the other.
@Suite(.serialized, .needsPostgreSQL, .timeLimit(.minutes(4)))
struct QuorumTests {
    /// The first three tests leave the cluster as they found it.
    private static let shared = Result { try PostgreSQLCluster() }

    private func journal(
        _ cluster: PostgreSQLCluster, _ test: TestSchema, patience: Duration = .seconds(20)
    ) throws -> DatabaseJournal {
        try test.journal(requiresStandbys: true, patience: patience, at: cluster.address)
    }

    private func failure(_ body: () throws -> Void) throws -> PostgreSQLFailure {
        try #require(#expect(throws: PostgreSQLFailure.self) { try body() })
    }

    private func waitForCommitWait(_ server: PostgreSQLServer, processes: Int = 1) throws -> Bool {
        try eventually {
            try server.admin("SELECT count(*)::text FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
                == "\(processes)"
        }
    }

    /// Neither a new payload nor a duplicate of one that reached no standby is acknowledged without standbys. Nor is a
    /// permit, a take, or a settlement.
    @Test func nothingIsAcknowledgedWithoutStandbys() throws {
        let cluster = try Self.shared.get()
        // An append that waits holds its schema's lock, so that the duplicate of another needs a schema of its own.
        let (test, other) = (try TestSchema(on: cluster.primary), try TestSchema(on: cluster.primary))
        let start = try journal(cluster, test)
        #expect(try start.check().problems(known: 1, requiresStandbys: true).isEmpty)
        // The wait must not depend on the settings of the role.
        try cluster.primary.admin("ALTER ROLE relay SET synchronous_commit = off")
        let known = DatabaseSamples.payload(1, state: 1)
        let id = try #require(try start.append([known])[0]?.first?.id)
        let tenure = try #require(try start.seize(as: "a"))
        cluster.standbys.forEach { $0.stop() }
        let begin = PostingDraft.Begin(hook: HookKey(bytes: [1]), entries: [id], through: id, form: 0)
        let new = DatabaseSamples.payload(2, state: 1)
        let calls: [(String, (DatabaseJournal) throws -> Void)] = [
            ("duplicate", { _ = try $0.append([known]) }),
            ("permit", { _ = try $0.exchange(begins: [begin], under: tenure) }),
            ("empty permit", { _ = try $0.exchange(under: tenure) }),
            ("empty append", { _ = try $0.append([]) }),
            ("append", { _ = try $0.append([new]) }), ("its duplicate", { _ = try $0.append([new]) }),
        ]
        for (name, call) in calls {
            let journal = try journal(
                cluster, name.hasSuffix("permit") || name == "duplicate" ? test : other, patience: .milliseconds(400))
            let found = try failure { try call(journal) }
            #expect(found == .deadline, "\(name): \(found)")
        }
        try cluster.standbys.forEach { try $0.start() }
        #expect(try eventually { try cluster.primary.streaming() == 2 })
        for (schema, payload) in [(test, known), (other, new)] {
            let after = try journal(cluster, schema)
            #expect(try after.append([payload])[0] == nil)
            #expect(try after.pendingIDs().count == 1)
        }
        try cluster.primary.admin("ALTER ROLE relay RESET synchronous_commit")
    }

    /// PostgreSQL commits if the wait is cancelled, and says so in a warning only.
    @Test func cancelledWaitIsNoSuccess() throws {
        let cluster = try Self.shared.get()
        let test = try TestSchema(on: cluster.primary)
        let payload = DatabaseSamples.payload(1, state: 1)
        for function in ["pg_cancel_backend", "pg_terminate_backend"] {
            let journal = try journal(cluster, test)
            cluster.standbys.forEach { $0.stop() }
            let result = Locked<Result<Bool, PostgreSQLFailure>?>(nil)
            let process = try #require(journal.connection.serverProcess)
            let unsafe = Locked<DatabaseJournal?>(nil)
            unsafe.withLock { $0 = journal }
            let done = DispatchSemaphore(value: 0)
            Thread.detachNewThread {
                let outcome: Result<Bool, PostgreSQLFailure>
                do throws(PostgreSQLFailure) {
                    let stored = try unsafe.withLock { $0 }!.append([payload], window: .seconds(60), at: .sample)
                    outcome = .success(stored[0] != nil)
                } catch { outcome = .failure(error) }
                result.withLock { $0 = outcome }
                done.signal()
            }
            #expect(try waitForCommitWait(cluster.primary))
            try cluster.primary.admin("SELECT \(function)($1::bigint::integer)::text", [.integer(Int64(process))])
            done.wait()
            guard case .failure(let failure) = result.withLock({ $0 }) else {
                Issue.record("\(function): success")
                continue
            }
            #expect(failure.isOutcomeUnknown && !failure.keepsConnection, "\(function): \(failure)")
            try cluster.standbys.forEach { try $0.start() }
            #expect(try eventually { try cluster.primary.streaming() == 2 })
        }
    }

    /// With one standby left, commits go on. A standby refuses them, and a connection finds the primary.
    @Test func oneStandbyIsEnoughAndStandbysAreSkipped() throws {
        let cluster = try Self.shared.get()
        let test = try TestSchema(on: cluster.primary)
        cluster.standbys[0].stop()
        #expect(try journal(cluster, test).append([DatabaseSamples.payload(1, state: 1)])[0] != nil)
        try cluster.standbys[0].start()
        let hosts = (cluster.standbys + [cluster.primary]).map(\.socketFolder).joined(separator: ",")
        let found = try test.journal(at: "host=\(hosts) user=relay dbname=postgres")
        #expect(found.connection.server == 2)
        #expect(try eventually { try cluster.primary.streaming() == 2 })
        let standby = try DatabaseJournal(
            cluster.standbys[1].connect(), test.schema, requiresStandbys: true, patience: .seconds(10))
        #expect(try eventually { try standby.pendingIDs().count == 1 })
        let refused = try failure { _ = try standby.append([DatabaseSamples.payload(1, state: 1)]) }
        #expect(refused.sqlState == "25006" && refused.shouldTryAnotherServer && !refused.isOutcomeUnknown)
        #expect(try cluster.standbys[1].admin("SELECT pg_is_in_recovery()::text") == "true")
    }

    /// The primary is killed while it accepts, and the furthest standby is promoted. Whatever was acknowledged is there,
    /// and the retry of anything else is stored once.
    @Test func nothingAcknowledgedIsLostWithThePrimary() throws {
        let cluster = try PostgreSQLCluster()
        let test = try TestSchema(on: cluster.primary)
        let acknowledged = Locked<Set<UInt64>>([])
        let attempted = Locked<Set<UInt64>>([])
        let address = cluster.address
        let group = DispatchGroup()
        for writer in 0..<3 {
            DispatchQueue.global().async(group: group) {
                guard let journal = try? test.journal(requiresStandbys: true, patience: .seconds(5), at: address)
                else { return }
                for number in 0..<10_000 {
                    let key = UInt64(writer * 10_000 + number)
                    attempted.withLock { _ = $0.insert(key) }
                    let stored = try? journal.append([DatabaseSamples.payload(key, state: 1)])
                    guard stored?.first != nil else { return }
                    acknowledged.withLock { _ = $0.insert(key) }
                }
            }
        }
        #expect(eventually { acknowledged.withLock { $0.count } > 200 })
        cluster.primary.stop()
        group.wait()
        let positions = try cluster.standbys.map { standby in
            try standby.admin(
                "SELECT lpad(split_part(l, '/', 1), 8, '0') || lpad(split_part(l, '/', 2), 8, '0') "
                    + "FROM (SELECT pg_last_wal_receive_lsn()::text AS l) AS p") ?? ""
        }
        let furthest = cluster.standbys[positions[0] >= positions[1] ? 0 : 1]
        try furthest.promote()
        furthest.stop()
        try furthest.start(["synchronous_standby_names": ""])
        let after = try test.journal(at: furthest.address)
        let kept = try after.rows(.critical, after: nil, limit: 1 << 20).rows.map(\.group)
        #expect(acknowledged.withLock { $0 }.isSubset(of: kept))
        #expect(Set(kept).isSubset(of: attempted.withLock { $0 }) && Set(kept).count == kept.count)
        let all = attempted.withLock { $0 }
        let retried = try after.append(all.sorted().map { DatabaseSamples.payload($0, state: 1) })
        #expect(retried.count { $0 != nil } == all.count - kept.count)
        #expect(try after.pendingIDs().count == all.count)
    }
}
