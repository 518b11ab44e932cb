import DeliveryCore
import TestSupport
import Testing

@testable import Alerts
@testable import Journaling
@testable import Relay
@testable import Support

/// Expiry of firings that are older than the maximum age and resolved in the backlog.
@Suite(.timeLimit(.minutes(1))) struct OutboundQueueExpiryTests {
    private let old = Timestamp.now().advanced(bySeconds: -60)

    private func bench(crashGuard: CrashGuard = CrashGuard(HandlingFile(folder: nil))) throws -> QueueBench {
        var bench = try QueueBench(crashGuard: crashGuard)
        bench.settings.maxAge = .seconds(5)
        return bench
    }

    @Test func firingResolvedLaterExpires() async throws {
        let bench = try bench()
        let firing = try bench.journal.append("A", acceptedAt: old)
        try bench.journal.append("A", status: .resolved)
        let manifest = try await bench.compose(firing)
        #expect(manifest.expired == [firing.entry])
        #expect(manifest.parts == 0 && manifest.entries.isEmpty && manifest.gone.isEmpty)
    }

    @Test func otherEntriesOfTheBatchStay() async throws {
        let bench = try bench()
        let firing = try bench.journal.append("A", acceptedAt: old)
        let resolve = try bench.journal.append("A", status: .resolved, acceptedAt: old)
        let other = try bench.journal.append("B", acceptedAt: old)
        let manifest = try await bench.compose(firing, resolve, other)
        #expect(manifest.expired == [firing.entry])
        #expect(
            manifest.entries == [DeliveryBatch.Entry(resolve), DeliveryBatch.Entry(other)] && manifest.foldedAlerts == 2
        )
    }

    @Test func unresolvedFiringIsDelivered() async throws {
        let bench = try bench()
        let firing = try bench.journal.append("A", "B", acceptedAt: old)
        try bench.journal.append("A", status: .resolved)
        try bench.journal.append("B", status: .resolved, group: 2)
        #expect(try await bench.compose(firing).entries == [DeliveryBatch.Entry(firing)])
    }

    @Test func firingAfterItsResolveIsDelivered() async throws {
        let bench = try bench()
        try bench.journal.append("A", status: .resolved, acceptedAt: old)
        let firing = try bench.journal.append("A", acceptedAt: old)
        #expect(try await bench.compose(firing).expired.isEmpty)
    }

    @Test func recentFiringIsDelivered() async throws {
        let bench = try bench()
        let firing = try bench.journal.append("A")
        try bench.journal.append("A", status: .resolved)
        #expect(try await bench.compose(firing).expired.isEmpty)
        #expect(bench.journal.bodyReads.count == 1, "the backlog is not searched without need")
    }

    @Test func noticeIsComposedAtAnyAge() async throws {
        let bench = try bench()
        let firing = try bench.journal.append("A", acceptedAt: old)
        try bench.journal.append("A", status: .resolved)
        let manifest = try await bench.compose(firing, form: .notice)
        #expect(manifest.expired.isEmpty && manifest.parts == 1)
    }

    @Test func resolveIsFoundInALongBacklog() async throws {
        let bench = try bench()
        let firings = [
            try bench.journal.append("A", acceptedAt: old), try bench.journal.append("B", acceptedAt: old),
        ]
        for number in 0..<300 { try bench.journal.append("C\(number)", group: 3) }
        try bench.journal.append("A", "B", status: .resolved)
        let manifest = try #require(await bench.compose(firings.map(\.entry)))
        #expect(manifest.expired == firings.map(\.entry))
        let search = bench.journal.bodyReads.dropFirst()
        #expect(search.map(\.after?.sequence) == [nil, 256], "one search for the whole batch")
        #expect(search.allSatisfy { $0.limit == 256 && $0.byteLimit == 4 << 20 })
    }

    @Test func nothingExpiresIfTheBacklogCannotBeRead() async throws {
        let bench = try bench()
        let firing = try bench.journal.append("A", acceptedAt: old)
        try bench.journal.append("A", status: .resolved)
        bench.journal.script.withLock { $0.bodyReadsLeft = 1 }
        #expect(try await bench.compose(firing).entries == [DeliveryBatch.Entry(firing)])
    }

    @Test func unreadableBodiesOfTheBacklogAreSkipped() async throws {
        let bench = try bench()
        let firing = try bench.journal.append("A", acceptedAt: old)
        _ = try bench.journal.appendUnreadable()
        try bench.journal.append("A", status: .resolved)
        #expect(try await bench.compose(firing).expired == [firing.entry])
    }

    /// A suspect is decoded only in its own batch, so that a crash is attributed to it.
    @Test func suspectsOfTheBacklogAreNotDecoded() async throws {
        let suspect = JournalID(sequence: 2, destination: .warning)
        let bench = try bench(crashGuard: .after([(suspect, 1, 0)]))
        let firing = try bench.journal.append("A", acceptedAt: old)
        let resolve = try bench.journal.append("A", status: .resolved)
        #expect(resolve.id == suspect)
        #expect(try await bench.compose(firing).expired.isEmpty)
        #expect(try await bench.compose(resolve).parts == 1, "a suspect is rendered like any other")
    }
}
