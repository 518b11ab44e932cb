import TestSupport
import Testing

@testable import Alerts
@testable import Journaling
@testable import Relay
@testable import Support

/// Dead letter commands on a journal in memory.
@Suite(.timeLimit(.minutes(1)))
struct DeadLetterServiceTests {
    private static let body = #"{"version":"4","alerts":[{"status":"firing","labels":{"alertname":"DiskFull"}}]}"#

    /// Returns a desk whose journal holds the dead letters 1 to `count`, and the notifications that it dispatched.
    private func desk(
        dead count: Int, page: Int = 1000, on disk: Locked<MemoryJournalStore.Content> = Locked(.init())
    ) throws -> (DeadLetterService<Int>, Locked<[Journaled<Alerts.Notification>]>) {
        let store = MemoryJournalStore(disk: disk)
        _ = try store.open(at: .sample)
        for sequence in stride(from: 1, through: Int64(count), by: 1) {
            let row = JournalSamples.append(sequence, JournalSamples.notification(.critical, body: Self.body))
            try store.commit(JournalTransaction(appends: [[row]], at: .sample))
            let death = JournalSettlement.dead(
                reason: DeadLetter.Reason(rawValue: "unknownAnswer"), attempts: 5, answer: "HTTP 400: odd")
            let settled = JournalTransaction.Settled(id: row.id, settlement: death)
            try store.commit(JournalTransaction(settlements: [settled], at: .sample))
        }
        try store.close(at: .sample)
        let journal = try Journal<Int>(
            opening: MemoryJournalStore(disk: disk), onFailure: { _ in }, acknowledge: { _ in })
        let dispatched = Locked<[Journaled<Alerts.Notification>]>([])
        return (
            DeadLetterService(journal: journal, largePage: page) { more in dispatched.withLock { $0 += more } },
            dispatched
        )
    }

    private func id(_ sequence: Int64) -> JournalID { JournalID(sequence: sequence, destination: .critical) }

    @Test func aListNamesTheAlerts() throws {
        let (desk, _) = try desk(dead: 2)
        let reply = desk.execute(.list(after: nil), asJSON: false)
        #expect(reply.problems.isEmpty)
        #expect(reply.output.split(separator: "\n").count == 3)
        #expect(reply.output.contains("DiskFull"))
        #expect(desk.execute(.list(after: nil), asJSON: true).output.contains(#""alertNames":["DiskFull"]"#))
    }

    @Test func anIDNamedTwiceIsReplayedOnceWithoutAProblem() throws {
        let (desk, dispatched) = try desk(dead: 1)
        let reply = desk.execute(.replay(.some([id(1), id(1)])), asJSON: false)
        #expect(reply == ControlReply(output: "replayed 1 dead letter\n"))
        #expect(dispatched.withLock { $0.count } == 1)
    }

    @Test(arguments: [false, true])
    func forcedReplayForgetsLaterStates(isForced: Bool) throws {
        let disk = Locked(MemoryJournalStore.Content())
        let (desk, dispatched) = try desk(dead: 1, on: disk)
        let alert = Alert(
            status: .resolved, labels: [:], annotations: [:], endsAt: .sample, generatorURL: "", fingerprint: "a")
        let id = id(1)
        disk.withLock { $0.later[id]?.states.add([alert], at: .max) }
        _ = desk.execute(.replay(.all, isForced: isForced), asJSON: false)
        #expect(dispatched.withLock { $0.map(\.value.laterStates.isEmpty) } == [isForced])
    }

    @Test func anIDNamedTwiceIsDroppedOnceWithoutAProblem() throws {
        let (desk, _) = try desk(dead: 1)
        #expect(
            desk.execute(.drop([id(1), id(1)]), asJSON: false) == ControlReply(output: "dropped 1 dead letter\n"))
    }

    @Test func validIDsAreProcessedDespiteUnknownOnes() throws {
        let (desk, dispatched) = try desk(dead: 2)
        let replay = desk.execute(.replay(.some([id(9), id(1)])), asJSON: true)
        #expect(replay.output == "{\"replayed\":[\"16\"]}\n")
        #expect(replay.problems == ["there is no dead letter 144"])
        #expect(dispatched.withLock { $0.map(\.value.severity) } == [.critical])
        let drop = desk.execute(.drop([id(9), id(2)]), asJSON: false)
        #expect(drop == ControlReply(output: "dropped 1 dead letter\n", problems: ["there is no dead letter 144"]))
        #expect(desk.execute(.list(after: nil), asJSON: false).output == "no dead letters\n")
    }

    @Test func allAreReplayedOverManyPagesInOrder() throws {
        let (desk, dispatched) = try desk(dead: 250)
        #expect(desk.execute(.replay(.all), asJSON: false).output == "replayed 250 dead letters\n")
        let ids = dispatched.withLock { $0.map(\.id) }
        #expect(ids.count == 250 && ids == ids.sorted())
    }

    @Test func aListComesInPages() throws {
        let (desk, _) = try desk(dead: 250, page: 100)
        var (ids, next): ([Substring], JournalID?) = ([], nil)
        var sizes: [Int] = []
        repeat {
            let reply = desk.execute(.list(after: next), asJSON: false)
            #expect(reply.problems.isEmpty)
            let page = reply.output.split(separator: "\n")
            ids += page.compactMap { $0.split(separator: " ").first }.filter { $0 != "ID" }
            sizes.append(page.count)
            next = reply.next.flatMap { JournalID($0) }
        } while next != nil
        #expect(sizes == [101, 100, 50])
        #expect(ids == (1...250).map { Substring("\(id(Int64($0)))") })
        let json = desk.execute(.list(after: id(249)), asJSON: true).output
        #expect(json.hasPrefix("{") && json.hasSuffix("}"), "the caller adds the brackets")
    }

    @Test func aPageIsDroppedInOneTransaction() throws {
        let disk = Locked(MemoryJournalStore.Content())
        let (desk, _) = try desk(dead: 250, page: 100, on: disk)
        let ids = (1...251).map { id(Int64($0)) }
        let reply = desk.execute(.drop(ids), asJSON: false)
        #expect(reply.output == "dropped 250 dead letters\n")
        #expect(reply.problems == ["there is no dead letter \(id(251))"])
        #expect(disk.withLock { $0.drops } == 3)
        #expect(desk.execute(.list(after: nil), asJSON: false).output == "no dead letters\n")
    }

    @Test func closedJournalIsReportedAsAProblem() throws {
        let (desk, _) = try desk(dead: 1)
        desk.journal.close()
        for request in [DeadLetterRequest.list(after: nil), .show(id(1)), .replay(.all), .drop([id(1)])] {
            let problems = desk.execute(request, asJSON: false).problems
            #expect(problems.count == 1 && problems[0].hasPrefix("the spool cannot be used now: "), "\(request)")
        }
    }
}
