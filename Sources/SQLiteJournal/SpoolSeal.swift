import CSQLite
import Glibc

/// The identity of the database file after its last checkpoint, stored in the witness's file. After a kill it tells
/// whether the file still is what the relay wrote and synced, so that a start need not check it (docs/decisions/0047).
struct SpoolSeal: Equatable {
    /// The kernel's boot. The kernel keeps the writes of a killed process, but not those before a power failure.
    private var boot: UInt64
    private var device: UInt64
    private var inode: UInt64
    private var size: Int64
    /// When the file or its inode was changed last (`st_ctim`), in nanoseconds. The kernel sets it on each write, rename
    /// or change of owner or mode, and no program can set it to a chosen time.
    private var changedAt: Int64

    /// Half of /proc/sys/kernel/random/boot_id, which all containers of a machine share; nil if it cannot be read.
    private static let boot: UInt64? = {
        let descriptor = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { Glibc.close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 64)
        let count = read(descriptor, &bytes, bytes.count)
        let digits = bytes.prefix(max(0, count)).filter { $0 != UInt8(ascii: "-") && $0 != 10 }
        guard digits.count == 32 else { return nil }
        return UInt64(String(decoding: digits.prefix(16), as: UTF8.self), radix: 16)
    }()

    /// The types of local file systems that record each change with its time (statfs(2)): ext4 and its predecessors, XFS,
    /// Btrfs, F2FS and tmpfs.
    ///
    /// Others are left out. Of a network's, the server may lose writes while this kernel keeps running.
    private static let localTypes: Set<UInt32> = [0xef53, 0x5846_5342, 0x9123_683e, 0xf2f5_2010, 0x0102_1994]

    /// Returns nil if the file cannot be sealed: its file system is not local, or its times have whole seconds only.
    ///
    /// All writes to the file must be synced before.
    init?(path: String) {
        var system = statfs()
        var status = stat()
        guard let boot = Self.boot, statfs(path, &system) == 0, lstat(path, &status) == 0,
            Self.localTypes.contains(UInt32(truncatingIfNeeded: system.f_type)), status.st_ctim.tv_nsec != 0
        else { return nil }
        self.boot = boot
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        size = Int64(status.st_size)
        changedAt = Int64(status.st_ctim.tv_sec) &* 1_000_000_000 &+ Int64(status.st_ctim.tv_nsec)
    }

    private static let magic: UInt64 = 0x314c_4145_5359_4c52
    static let encodedSize = 7 * 8

    var encoded: [UInt8] {
        let words = [Self.magic, boot, device, inode, UInt64(bitPattern: size), UInt64(bitPattern: changedAt)]
        var bytes = words.flatMap { word in withUnsafeBytes(of: word.littleEndian) { [UInt8]($0) } }
        let checksum = bytes.withUnsafeBytes { RowChecksum.of(bytes: $0) }
        withUnsafeBytes(of: checksum.littleEndian) { bytes += $0 }
        return bytes
    }

    /// Returns nil if the checksum does not match.
    init?(encoded bytes: [UInt8]) {
        guard bytes.count == Self.encodedSize else { return nil }
        let words = bytes.withUnsafeBytes { bytes in
            (0..<7).map { UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: $0 * 8, as: UInt64.self)) }
        }
        let checksum = bytes.withUnsafeBytes { RowChecksum.of(bytes: UnsafeRawBufferPointer(rebasing: $0[..<48])) }
        guard words[0] == Self.magic, words[6] == UInt64(bitPattern: checksum) else { return nil }
        (boot, device, inode) = (words[1], words[2], words[3])
        (size, changedAt) = (Int64(bitPattern: words[4]), Int64(bitPattern: words[5]))
    }
}
