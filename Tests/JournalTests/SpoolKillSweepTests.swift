import Foundation
import TestSupport
import Testing

@testable import SQLiteJournal

/// Kills the relay at each system call on the spool while it opens, migrates, repairs and closes a spool, twice in a
/// row. No notification may be lost.
///
/// `make test` tests a sample of the calls, `make sweep` all of them.
@Suite(.serialized, .timeLimit(.minutes(30)))
struct SpoolKillSweepTests {
    /// A system call on the spool: the nth of its kind.
    struct KillPoint: Equatable {
        var call: String
        var nth: Int
    }

    enum Case: String, CaseIterable {
        /// A process was killed: the log holds some of the accepted notifications.
        case openLog
        /// The spool is of the first schema, with its log.
        case firstSchema
        /// The spool is of the schema before flags and records of hooks, with its log.
        case thirdSchema
        /// A page of the database is overwritten. The log is intact.
        case damagedPage
        /// A part of the log is overwritten, before readable commits.
        case damagedLog
        /// The spool is marked as damaged.
        case marked
    }

    private static let calls = [
        "openat", "write", "pwrite64", "rename", "link", "unlink", "fsync", "fdatasync", "ftruncate", "fallocate",
    ]
    private static var isComplete: Bool { ProcessInfo.processInfo.environment["RELAY_SWEEP"] == "all" }

    @Test(arguments: Case.allCases)
    func aKillAtAnyCallLosesNothing(kind: Case) throws {
        let template = try Self.make(kind)
        let whole = try Self.survivors(of: Self.copy(template))
        // Without a kill, only the rows of one page may be missing.
        #expect(whole.count >= ([.damagedPage, .damagedLog].contains(kind) ? 980 : 1000))
        let points = try Self.points(on: Self.copy(template))
        #expect(points.count > 10)
        let step = Self.isComplete ? 1 : max(1, points.count / 8)
        for index in stride(from: step / 2, to: points.count, by: step) {
            let spool = try Self.copy(template)
            #expect(try Self.run(on: spool, until: points[index]) == -SIGKILL, "\(points[index]) is never reached")
            // The second kill is at another call, usually while the relay completes the interrupted work.
            _ = try Self.run(on: spool, until: points[(index * 7 + 3) % points.count])
            let found = try Self.survivors(of: spool)
            let lost = whole.subtracting(found)
            #expect(lost.isEmpty, "\(kind), \(points[index]): \(lost.count) of \(whole.count) are lost")
        }
    }

    // MARK: Spools

    private static func make(_ kind: Case) throws -> TemporarySpool {
        let spool = TemporarySpool()
        try spool.fill(900)
        if kind == .firstSchema { try spool.downgrade(to: 1) }
        try spool.append(901...1000, hasSchema1: kind == .firstSchema)
        switch kind {
        case .openLog, .firstSchema: break
        case .thirdSchema: try spool.downgrade(to: 3)
        case .damagedPage:
            var bytes = try spool.bytes("spool.db")
            let page = bytes.count / 8192 / 2
            bytes.replaceSubrange(page * 8192..<page * 8192 + 200, with: Data(repeating: 0xee, count: 200))
            try spool.write(bytes, to: "spool.db")
        case .damagedLog:
            var bytes = try spool.bytes("spool.db-wal")
            let middle = bytes.count / 2
            bytes.replaceSubrange(middle..<middle + 200, with: Data(repeating: 0xee, count: 200))
            try spool.write(bytes, to: "spool.db-wal")
        case .marked:
            try spool.write(Data(), to: "spool.damaged")
        }
        return spool
    }

    private static func copy(_ template: TemporarySpool) throws -> TemporarySpool {
        let spool = TemporarySpool()
        try FileManager.default.copyItem(atPath: template.path, toPath: spool.path)
        return spool
    }

    private static func survivors(of spool: TemporarySpool) throws -> Set<Int64> {
        let store = spool.store()
        _ = try store.open(at: .sample)
        defer { store.closeWithoutFlush() }
        return Set(try spool.pending(store))
    }

    // MARK: Runs

    /// A command that only opens and closes the spool.
    private static func command(_ spool: TemporarySpool) throws -> [String] {
        [try Program.path("relay"), "dead-letters", "list", "--storage.path", spool.path]
    }

    private static func points(on spool: TemporarySpool) throws -> [KillPoint] {
        let folder = TemporaryFolder()
        let log = folder.path + "/trace"
        let run = try Program(
            "strace",
            ["-f", "--seccomp-bpf", "-y", "-s", "300", "-o", log, "-e", "trace=" + calls.joined(separator: ",")]
                + command(spool))
        try #require(run.exitCode(within: 60) == 0, "\(run.output)")
        var counts: [String: Int] = [:]
        var points: [KillPoint] = []
        for line in try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n") {
            // strace -f writes `PID CALL(ARGUMENTS` and counts the calls of each thread separately.
            let parts = line.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: true)
            guard parts.count == 2, let end = parts[1].firstIndex(of: "(") else { continue }
            let call = parts[1][..<end].trimmingCharacters(in: .whitespaces)
            let key = "\(parts[0]) \(call)"
            counts[key, default: 0] += 1
            let isOnSpool = line.contains(spool.path) && (call != "openat" || line.contains("O_CREAT"))
            if isOnSpool { points.append(KillPoint(call: call, nth: counts[key] ?? 0)) }
        }
        return points
    }

    /// Returns the exit code: 0 if the process did not reach the call, which can happen after a first kill.
    private static func run(on spool: TemporarySpool, until point: KillPoint) throws -> Int32? {
        // Without --seccomp-bpf, with which strace 6.1 injects nothing.
        let run = try Program(
            "strace",
            [
                "-f", "-o", "/dev/null", "-e", "trace=" + point.call, "-e",
                "inject=\(point.call):signal=KILL:when=\(point.nth)",
            ] + command(spool))
        let code = run.exitCode(within: 60)
        #expect(code == 0 || code == -SIGKILL, "\(String(describing: code)): \(run.output)")
        return code
    }
}
