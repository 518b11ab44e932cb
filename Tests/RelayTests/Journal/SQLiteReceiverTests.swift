import Foundation
import Libevent
import TestSupport
import Testing

@testable import Relay

/// The receivers that the spool knows by a number.
@Suite struct SQLiteReceiverTests {
    private let spool = TemporarySpool()

    @Test func aSpoolOfBeforeReceiversIsTakenOver() throws {
        try spool.fill(3)
        try spool.edit("DROP TABLE receiver; PRAGMA user_version = 1")
        let store = spool.store()
        _ = try store.open(at: .sample)
        #expect(store.receivers.isEmpty)
        #expect(try spool.pending(store) == [1, 2, 3])
        #expect(try store.register(["database"], forgettingOthers: true).values.map { $0 } == ["database"])
    }

    @Test func aReceiverKeepsItsNumberWhileThereIsSomethingForIt() throws {
        let store = spool.store()
        _ = try store.open(at: .sample)
        let ids = try store.register(["database", "network"], forgettingOthers: false)
        let database = try #require(ids.first { $0.value == "database" }?.key)
        var notification = JournalSamples.notification(.critical, body: "a")
        notification.receiver = database
        let stored = JournalSamples.append(1, notification)
        try store.commit(JournalTransaction(appends: [[stored]], at: .sample))
        try store.close(at: .sample)

        let next = spool.store()
        _ = try next.open(at: .sample)
        #expect(next.pendingCounts[notification.destination] == 1)
        #expect(try next.register(["other"], forgettingOthers: true).values.sorted() == ["database", "other"])
        let window = try next.pending(notification.destination, after: nil, limit: 9, byteLimit: .max, at: .sample)
        #expect(window.notifications == [stored])
        try next.commit(
            JournalTransaction(settlements: [.init(id: stored.id, settlement: .delivered)], at: .sample))
        #expect(try next.register(["other"], forgettingOthers: true).values.sorted() == ["other"])
        try next.close(at: .sample)
    }

    @Test func aDamagedFileGivesBackReceiversUnderTheirNumbers() throws {
        let store = spool.store()
        _ = try store.open(at: .sample)
        let ids = try store.register(["gone", "database"], forgettingOthers: false)
        _ = try store.register(["database"], forgettingOthers: true)
        var notification = JournalSamples.notification(.warning, body: "a")
        notification.receiver = try #require(ids.first { $0.value == "database" }?.key)
        let entries = (1...2).map { JournalSamples.append(Int64($0), notification) }
        try store.commit(JournalTransaction(appends: [entries], at: .sample))
        let death = Settlement.dead(reason: .damaged, attempts: 1, answer: nil)
        try store.commit(JournalTransaction(settlements: [.init(id: entries[0].id, settlement: death)], at: .sample))
        try store.close(at: .sample)

        try spool.write(Data(), to: "spool.damaged")
        let saved = spool.store()
        _ = try saved.open(at: .sample)
        #expect(saved.receivers == [notification.receiver: "database"])
        #expect(saved.pendingCounts[notification.destination] == 1)
        #expect(saved.deadLetterCounts[notification.destination] == 1)
        #expect(try saved.deadLetter(entries[0].id)?.letter.destination == notification.destination)
        let window = try saved.pending(notification.destination, after: nil, limit: 9, byteLimit: .max, at: .sample)
        #expect(window.notifications == [entries[1]])
    }
}
