import Alerts
import Glibc
import Journaling
import RocketChat
import SQLiteJournal
import Synchronization

/// The file `handling` of the storage folder, mapped into memory: a slot for each queue, with the notifications that it
/// handles at this moment, and the ledger of earlier crashes.
///
/// A store into the mapping survives the process however it ends, without a system call. Nothing is synced: a power cut
/// is not caused by a notification. If the file is not usable, plain memory takes its place and nothing is recorded.
// @unchecked because the mapping is reached by atomics (slots), and by the ledger's one writer at a time (`CrashGuard`).
final class HandlingFile: @unchecked Sendable {
    /// Four severities of the tiers and of each possible receiver.
    static let slots = 4 * 256
    private static let magic: UInt64 = 0x7265_6c61_7948_0001
    private static let slotBytes = 16
    private static let entryBytes = 32
    private static let slotsStart = 64
    private static let entriesStart = slotsStart + slots * slotBytes
    private static let size = entriesStart + CrashLedger.capacity * entryBytes

    private let base: UnsafeMutableRawPointer
    private let isMapped: Bool
    /// errno of what kept the file from being used; nil where it is.
    let failure: Int32?

    /// - Parameter folder: the storage folder, whose lock this process holds; nil for plain memory.
    init(folder: String?) {
        let (mapping, failure) = folder.map { Self.map($0 + "/handling") } ?? (nil, nil)
        isMapped = mapping != nil
        base = mapping ?? .allocate(byteCount: Self.size, alignment: 64)
        if mapping == nil { memset(base, 0, Self.size) }
        self.failure = failure
        // A file of another version, or of another program, is taken for empty.
        if word(0).pointee.load(ordering: .relaxed) != Self.magic {
            memset(base, 0, Self.size)
            word(0).pointee.store(Self.magic, ordering: .relaxed)
        }
    }

    // Slots hold this object, so none is left that could store.
    deinit {
        if isMapped { munmap(base, Self.size) } else { base.deallocate() }
    }

    private static func map(_ path: String) -> (UnsafeMutableRawPointer?, Int32?) {
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { return (nil, errno) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return (nil, EINVAL) }
        // Under another name it may be somebody else's.
        guard status.st_nlink == 1 else { return (nil, EMLINK) }
        if status.st_size != size, ftruncate(descriptor, 0) != 0 { return (nil, errno) }
        // A hole could not be written on a full disk, and a mapping tells that by SIGBUS.
        let code = posix_fallocate(descriptor, 0, off_t(size))
        guard code == 0 else { return (nil, code) }
        let mapping = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0)
        guard let mapping, mapping != MAP_FAILED else { return (nil, errno) }
        return (mapping, nil)
    }

    private func word(_ offset: Int) -> UnsafeMutablePointer<Atomic<UInt64>> {
        (base + offset).assumingMemoryBound(to: Atomic<UInt64>.self)
    }

    // MARK: Slots

    /// The slot is in use from the second store on, and free from the one of `leave`.
    func enter(_ slot: Int, _ handled: CrashLedger.Handled) {
        let offset = Self.slotsStart + slot * Self.slotBytes
        word(offset + 8).pointee.store(UInt64(bitPattern: handled.last.rawValue), ordering: .releasing)
        word(offset).pointee.store(UInt64(bitPattern: handled.first.rawValue), ordering: .sequentiallyConsistent)
    }

    func leave(_ slot: Int) {
        word(Self.slotsStart + slot * Self.slotBytes).pointee.store(0, ordering: .sequentiallyConsistent)
    }

    /// What the last process handled when it ended; the slots are free after this.
    func takeHandled() -> [CrashLedger.Handled] {
        (0..<Self.slots).compactMap { slot in
            let offset = Self.slotsStart + slot * Self.slotBytes
            let handled = CrashLedger.Handled(first: id(at: offset), last: id(at: offset + 8))
            leave(slot)
            return handled
        }
    }

    private func id(at offset: Int) -> JournalID {
        JournalID(rawValue: Int64(bitPattern: word(offset).pointee.load(ordering: .relaxed)))
    }

    // MARK: Ledger

    /// Entries that the storage changed are passed over.
    func readLedger() -> CrashLedger {
        CrashLedger(
            (0..<CrashLedger.capacity).compactMap { index in
                let offset = Self.entriesStart + index * Self.entryBytes
                let counts = word(offset + 16).pointee.load(ordering: .relaxed)
                let (crashes, alone) = (counts & 0xffff_ffff, counts >> 32)
                guard let handled = CrashLedger.Handled(first: id(at: offset), last: id(at: offset + 8)),
                    word(offset + 24).pointee.load(ordering: .relaxed) == Self.checksum(handled, counts),
                    crashes > 0, crashes <= UInt64(UInt16.max), alone <= crashes
                else { return nil }
                return CrashLedger.Entry(handled: handled, crashes: Int(crashes), crashesAlone: Int(alone))
            })
    }

    func write(_ ledger: CrashLedger) {
        for index in 0..<CrashLedger.capacity {
            let offset = Self.entriesStart + index * Self.entryBytes
            guard index < ledger.entries.count else {
                word(offset).pointee.store(0, ordering: .relaxed)
                continue
            }
            let entry = ledger.entries[index]
            // The older version of the file has no crash alone.
            let crashes = UInt64(entry.crashes) | UInt64(entry.crashesAlone) << 32
            word(offset + 24).pointee.store(0, ordering: .releasing)
            word(offset).pointee.store(UInt64(bitPattern: entry.handled.first.rawValue), ordering: .releasing)
            word(offset + 8).pointee.store(UInt64(bitPattern: entry.handled.last.rawValue), ordering: .releasing)
            word(offset + 16).pointee.store(crashes, ordering: .releasing)
            word(offset + 24).pointee.store(Self.checksum(entry.handled, crashes), ordering: .releasing)
        }
    }

    /// FNV-1a over the entry's words: enough to tell an entry from damage.
    private static func checksum(_ handled: CrashLedger.Handled, _ crashes: UInt64) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for word in [UInt64(bitPattern: handled.first.rawValue), UInt64(bitPattern: handled.last.rawValue), crashes] {
            for shift in stride(from: 0, to: 64, by: 8) {
                hash = (hash ^ (word >> UInt64(shift) & 0xff)) &* 0x100_0000_01b3
            }
        }
        return hash
    }
}
