import Glibc
import Journaling
import Synchronization

/// The memory-mapped file `handling` in the storage folder. It has a slot per queue with the notifications that the
/// queue handles, and the ledger of earlier crashes.
///
/// A store into the mapping survives any end of the process, without a system call. Nothing is synced, because a
/// notification cannot cause a power failure. If the file is not usable, plain memory is used and nothing is recorded.
// @unchecked because slots are accessed by atomics, and the ledger has one writer at a time (`CrashGuard`).
final class HandlingFile: @unchecked Sendable {
    /// One slot per severity, for the severity rooms and each possible receiver.
    static let slots = 4 * 256
    private static let magic: UInt64 = 0x7265_6c61_7948_0001
    private static let slotBytes = 16
    private static let entryBytes = 32
    private static let slotsStart = 64
    private static let entriesStart = slotsStart + slots * slotBytes
    private static let size = entriesStart + CrashLedger.capacity * entryBytes

    private let base: UnsafeMutableRawPointer
    private let isMapped: Bool
    /// errno if the file is not usable; nil otherwise.
    let failure: Int32?

    /// - Parameter folder: the storage folder, whose lock this process must hold; nil for plain memory.
    init(folder: String?) {
        let (mapping, failure) = folder.map { Self.map($0 + "/handling") } ?? (nil, nil)
        isMapped = mapping != nil
        base = mapping ?? .allocate(byteCount: Self.size, alignment: 64)
        if mapping == nil { memset(base, 0, Self.size) }
        self.failure = failure
        // A file with another magic number is treated as empty.
        if word(0).pointee.load(ordering: .relaxed) != Self.magic {
            memset(base, 0, Self.size)
            word(0).pointee.store(Self.magic, ordering: .relaxed)
        }
    }

    // Slots retain this object, so no slot can store after this.
    deinit {
        if isMapped { munmap(base, Self.size) } else { base.deallocate() }
    }

    private static func map(_ path: String) -> (UnsafeMutableRawPointer?, Int32?) {
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { return (nil, errno) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return (nil, EINVAL) }
        // Another hard link may belong to another user.
        guard status.st_nlink == 1 else { return (nil, EMLINK) }
        if status.st_size != size, ftruncate(descriptor, 0) != 0 { return (nil, errno) }
        // Allocate all blocks: writing a hole in a mapping on a full disk raises SIGBUS.
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

    /// The second store marks the slot as used; `leave` marks it as free.
    func enter(_ slot: Int, _ handled: CrashLedger.Handled) {
        let offset = Self.slotsStart + slot * Self.slotBytes
        word(offset + 8).pointee.store(UInt64(bitPattern: handled.last.rawValue), ordering: .releasing)
        word(offset).pointee.store(UInt64(bitPattern: handled.first.rawValue), ordering: .sequentiallyConsistent)
    }

    func leave(_ slot: Int) {
        word(Self.slotsStart + slot * Self.slotBytes).pointee.store(0, ordering: .sequentiallyConsistent)
    }

    /// Returns the notifications that the last process was handling, and frees all slots.
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

    /// Ignores damaged entries.
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
            // Older versions of the file store 0 crashes alone.
            let crashes = UInt64(entry.crashes) | UInt64(entry.crashesAlone) << 32
            word(offset + 24).pointee.store(0, ordering: .releasing)
            word(offset).pointee.store(UInt64(bitPattern: entry.handled.first.rawValue), ordering: .releasing)
            word(offset + 8).pointee.store(UInt64(bitPattern: entry.handled.last.rawValue), ordering: .releasing)
            word(offset + 16).pointee.store(crashes, ordering: .releasing)
            word(offset + 24).pointee.store(Self.checksum(entry.handled, crashes), ordering: .releasing)
        }
    }

    /// FNV-1a over the words of the entry, to detect damage.
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
