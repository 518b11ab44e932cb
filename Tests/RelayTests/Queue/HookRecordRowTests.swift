import DeliveryCore
import Testing

@testable import Alerts
@testable import Journaling
@testable import Posting
@testable import Relay
@testable import RocketChat

@Suite struct HookRecordRowTests {
    private let reading = MachineClock.Reading(steady: Instant(nanoseconds: 5_000), wall: 1_795_000_000_000_000_000)
    private let key = [UInt8](repeating: 7, count: 16)

    private var record: HookRecord {
        HookRecord(
            hook: HookID(3), posts: [Instant(nanoseconds: -60_000), Instant(nanoseconds: 4_000)],
            pausedUntil: Instant(nanoseconds: 9_000), failingSince: Instant(nanoseconds: 1_000),
            unfinished: .init(
                queue: QueueID(0), through: EntryID(JournalID(sequence: 9, destination: .warning)), form: .plain,
                until: Instant(nanoseconds: 5_000)))
    }

    private func read(
        _ value: [UInt8], at reading: MachineClock.Reading? = nil, queue: QueueID? = QueueID(0)
    ) -> HookRecord? {
        HookRecordRow.record(of: HookID(3), value, at: reading ?? self.reading) { destination in
            destination == .warning ? queue : nil
        }
    }

    @Test func recordsRoundTrip() {
        #expect(read(HookRecordRow.row(record, key: key, at: reading).value) == record)
        let quiet = HookRecord(hook: HookID(3))
        #expect(read(HookRecordRow.row(quiet, key: key, at: reading).value) == quiet)
    }

    @Test func recordedTimesTranslateToTheNextProcess() throws {
        let value = HookRecordRow.row(record, key: key, at: reading).value
        // Another origin, and 2,000 ns later by the wall clock.
        let later = MachineClock.Reading(steady: Instant(nanoseconds: 100_000), wall: reading.wall + 2_000)
        let found = try #require(read(value, at: later))
        #expect(found.posts == [Instant(nanoseconds: 33_000), Instant(nanoseconds: 97_000)])
        #expect(found.pausedUntil == Instant(nanoseconds: 102_000))
        #expect(found.failingSince == Instant(nanoseconds: 94_000))
        #expect(found.unfinished?.until == later.steady, "the killed process sends nothing any more")
    }

    @Test func clockSetBackHoldsNoHook() throws {
        let value = HookRecordRow.row(record, key: key, at: reading).value
        let earlier = MachineClock.Reading(steady: .init(nanoseconds: 0), wall: reading.wall - 10_000_000_000_000_000)
        let found = try #require(read(value, at: earlier))
        #expect(found.posts.allSatisfy { $0 <= earlier.steady })
        #expect(try #require(found.pausedUntil) <= earlier.steady + .seconds(600))
        #expect(try #require(found.failingSince) <= earlier.steady)
    }

    @Test func unknownAndDamagedRowsAreSkipped() {
        let value = HookRecordRow.row(record, key: key, at: reading).value
        #expect(read([]) == nil && read(Array(value.prefix(25))) == nil)
        #expect(read([2] + value.dropFirst()) == nil, "another version")
        #expect(read([1, 99] + value.dropFirst(2)) == nil, "an unknown form")
        #expect(read(value, queue: nil)?.unfinished == nil, "a removed receiver")
        for byte in [UInt8.min, .max] {
            _ = read([1, 0] + [UInt8](repeating: byte, count: 48))
        }
        for length in value.indices { _ = read(Array(value.prefix(length))) }
    }

    @Test func keyIdentifiesAHookWithoutItsSecret() throws {
        let hook = try HookURL("https://chat.example.com/hooks/id/t0ken")
        let key = HookRecordRow.key(hook)
        #expect(key.count == 16)
        #expect(key != HookRecordRow.key(try HookURL("https://chat.example.com/hooks/id/other")))
        #expect(!String(decoding: key, as: UTF8.self).contains("t0ken"))
    }
}
