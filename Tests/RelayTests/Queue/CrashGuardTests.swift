import Foundation
import TestSupport
import Testing

@testable import Alerts
@testable import Journaling
@testable import Relay

@Suite struct CrashGuardTests {
    private func id(_ sequence: Int64, _ destination: Destination = .critical) -> JournalID {
        JournalID(sequence: sequence, destination: destination)
    }

    private func handled(_ first: Int64, _ last: Int64? = nil) throws -> CrashLedger.Handled {
        try #require(CrashLedger.Handled(first: id(first), last: id(last ?? first)))
    }

    // MARK: The ledger

    private func crashes(_ ledger: CrashLedger, _ sequence: Int64, _ destination: Destination = .critical) -> [Int] {
        let (all, alone) = ledger.crashes(of: id(sequence, destination))
        return [all, alone]
    }

    @Test func crashesAloneAreCountedSeparately() throws {
        var ledger = CrashLedger()
        ledger.record(try handled(1, 20), nothingElse: true)
        #expect(crashes(ledger, 20) == [1, 0] && crashes(ledger, 21) == [0, 0])
        ledger.record(try handled(7), nothingElse: true)
        ledger.record(try handled(7), nothingElse: true)
        #expect(crashes(ledger, 7) == [3, 2] && crashes(ledger, 8) == [1, 0])
        ledger.record(try handled(7), nothingElse: false)
        #expect(crashes(ledger, 7) == [4, 2], "another queue handled something at the same time")
        #expect(crashes(ledger, 7, .info) == [0, 0])
    }

    @Test func settledNotificationsAreForgotten() throws {
        var ledger = CrashLedger()
        ledger.record(try handled(1, 20), nothingElse: true)
        for _ in 1...3 { ledger.record(try handled(7), nothingElse: true) }
        ledger.settled(through: id(6))
        #expect(crashes(ledger, 7) == [4, 3])
        ledger.settled(through: id(19))
        #expect(crashes(ledger, 7) == [1, 0])
        ledger.settled(through: id(20, .info))
        #expect(crashes(ledger, 20) == [1, 0], "another destination's")
        ledger.settled(through: id(20))
        #expect(ledger.entries.isEmpty)
    }

    @Test func theLedgerIsBounded() throws {
        var ledger = CrashLedger()
        for number in 1...1000 { ledger.record(try handled(Int64(number)), nothingElse: true) }
        #expect(ledger.entries.count == CrashLedger.capacity)
        #expect(crashes(ledger, 1000) == [1, 1] && crashes(ledger, 1) == [0, 0])
    }

    @Test func damagedRangesAreRefused() {
        #expect(CrashLedger.Handled(first: id(2), last: id(1)) == nil)
        #expect(CrashLedger.Handled(first: id(1), last: id(2, .info)) == nil)
        #expect(CrashLedger.Handled(first: JournalID(rawValue: 0), last: id(1)) == nil)
        #expect(CrashLedger.Handled(first: JournalID(rawValue: .min), last: JournalID(rawValue: .max)) == nil)
    }

    // MARK: The file

    /// Each guard represents a process.
    @Test func nextProcessFindsHandledNotifications() throws {
        let folder = TemporaryFolder()
        let first = CrashGuard(HandlingFile(folder: folder.path))
        #expect(first.failure == nil && first.found.isEmpty)
        let (one, two) = (first.makeSlot(), first.makeSlot())
        let (alone, range) = (try handled(5), try handled(8, 11))
        try one.during(handled(3)) {}
        let found = one.during(alone) {
            two.during(range) { CrashGuard(HandlingFile(folder: folder.path)).found }
        }
        #expect(Set(found.map(\.handled)) == [alone, range])
        #expect(found.allSatisfy { $0.crashes == 1 && $0.crashesAlone == 0 })

        let third = CrashGuard(HandlingFile(folder: folder.path))
        #expect(third.found == found, "nothing was handled since, and nothing is forgotten")
        #expect(third.crashes(of: id(9)).all == 1)
        third.settled(through: id(11))
        #expect(third.crashes(of: id(9)).all == 0)
        #expect(CrashGuard(HandlingFile(folder: folder.path)).found.isEmpty)
    }

    @Test func crashesAreCountedAcrossProcesses() throws {
        let folder = TemporaryFolder()
        for crashes in 0..<3 {
            let guardian = CrashGuard(HandlingFile(folder: folder.path))
            #expect(guardian.crashes(of: id(5)) == (UInt8(crashes), UInt8(crashes)))
            let copy = folder.path + "/copy"
            try guardian.makeSlot().during(handled(5)) {
                try FileManager.default.copyItem(atPath: folder.path + "/handling", toPath: copy)
            }
            try FileManager.default.removeItem(atPath: folder.path + "/handling")
            try FileManager.default.moveItem(atPath: copy, toPath: folder.path + "/handling")
        }
        #expect(CrashGuard(HandlingFile(folder: folder.path)).crashes(of: id(5)) == (3, 3))
    }

    /// No flipped bit may trap or set another notification aside.
    @Test func flippedBitsAffectNoOtherNotification() throws {
        let folder = TemporaryFolder()
        let path = folder.path + "/handling"
        let file = HandlingFile(folder: folder.path)
        var ledger = CrashLedger()
        for _ in 1...3 { ledger.record(try handled(5), nothingElse: true) }
        file.write(ledger)
        let whole = try Data(contentsOf: URL(filePath: path))
        let used = whole.indices.filter { whole[$0] != 0 }
        for index in Set(used + used.map { $0 + 1 }).filter({ $0 < whole.count }) {
            for bit in 0..<8 {
                var damaged = whole
                damaged[index] ^= 1 << bit
                try damaged.write(to: URL(filePath: path))
                let found = CrashGuard(HandlingFile(folder: folder.path)).found
                #expect(found.allSatisfy { $0.crashesAlone < 2 || $0.handled.first == id(5) })
            }
        }
    }

    @Test func withoutAFolderNothingIsRecorded() throws {
        let guardian = CrashGuard(HandlingFile(folder: "/nonexistent"))
        #expect(guardian.failure == ENOENT && guardian.found.isEmpty)
        #expect(try guardian.makeSlot().during(handled(1)) { 7 } == 7)
    }
}
