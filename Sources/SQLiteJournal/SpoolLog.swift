import Glibc

/// Reads a write-ahead log of SQLite beyond its first damaged frame (sqlite.org/fileformat2.html section 4).
///
/// The checksum of a frame continues that of the frame before, so SQLite stops at the first mismatch. But each frame
/// contains its checksum, from which the next frame can be verified. A single flipped bit can be repaired, because the
/// checksums are linear in the words of the page.
struct SpoolLog {
    struct Frame {
        var page: UInt32
        /// The size of the database in pages if this frame ends a transaction; 0 within a transaction.
        var commit: UInt32
        /// The offset of the page in the file.
        var offset: off_t
        /// Whether its checksum matches, possibly after a repair.
        var isVerified: Bool
        /// The repaired page; nil if the page in the file is used.
        var repaired: [UInt8]?
    }

    static let headerSize = 32
    private static let frameHeaderSize = 24
    static var pageSize: Int { Int(SpoolSettings.pageSize) }

    let path: String
    /// Both salts of the header, which identify the generation of the log; 0 if there is no log.
    private(set) var salts: UInt64 = 0
    /// Whether the header is intact.
    private(set) var hasHeader = false
    /// The frames of the header's generation, up to the last commit that is verified or witnessed.
    private(set) var frames: [Frame] = []
    /// The number of frames that SQLite reads: up to the last commit before the first mismatch.
    private(set) var validFrames = 0
    private var bigEndian = false

    /// The number of frames up to the last verified commit.
    var committedFrames: Int { (frames.lastIndex { $0.isVerified && $0.commit > 0 } ?? -1) + 1 }

    /// Whether there is a commit after the frames that SQLite reads.
    var hasUnreadCommit: Bool { committedFrames > validFrames }

    /// Reads the log. There are no frames if the file cannot be opened.
    ///
    /// - Parameter witnessed: The salts and frames that the witness contains, used if the header is damaged.
    init(path: String, witnessed: (salts: UInt64, frames: Int64)? = nil) {
        self.path = path
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        defer { Glibc.close(descriptor) }
        read(descriptor, witnessed)
    }

    private mutating func read(_ descriptor: Int32, _ witnessed: (salts: UInt64, frames: Int64)?) {
        var header = [UInt8](repeating: 0, count: Self.headerSize)
        guard pread(descriptor, &header, header.count, 0) == header.count else { return }
        bigEndian = header[3] & 1 == 1
        var seed = LogChecksum()
        seed.add(header[..<24], bigEndian: bigEndian)
        let stored = LogChecksum(header[24..<32])
        hasHeader = seed == stored && header[..<3] == [0x37, 0x7f, 0x06]
        var isReadableBySQLite = hasHeader
        salts = header.bigEndian64(16)
        if !hasHeader {
            // Frames contain the salts too. Those of the first frame identify the generation.
            var first = [UInt8](repeating: 0, count: Self.frameHeaderSize)
            guard pread(descriptor, &first, first.count, off_t(Self.headerSize)) == first.count else { return }
            salts = witnessed?.salts ?? first.bigEndian64(8)
            bigEndian = false
        }
        // The witness says nothing about a later generation.
        let witnessed = hasHeader && witnessed?.salts != salts ? nil : witnessed
        var previous = hasHeader ? [stored] : [stored, seed]
        var buffer = [UInt8](repeating: 0, count: Self.frameHeaderSize + Self.pageSize)
        var offset = off_t(Self.headerSize)
        var wasVerified = true
        while pread(descriptor, &buffer, buffer.count, offset) == buffer.count {
            let hasCurrentSalts = buffer.bigEndian64(8) == salts
            let index = frames.count
            var frame = Frame(
                page: buffer.bigEndian32(0), commit: buffer.bigEndian32(4),
                offset: offset + off_t(Self.frameHeaderSize), isVerified: false)
            let expected = LogChecksum(buffer[16..<24])
            var sums = previous.map { seed in
                var sum = seed
                sum.add(buffer[0..<8], bigEndian: bigEndian)
                sum.add(buffer[Self.frameHeaderSize...], bigEndian: bigEndian)
                return sum
            }
            if let match = sums.firstIndex(of: expected), hasCurrentSalts || wasVerified {
                frame.isVerified = true
                // It continues the computed checksum of the frame before, so that frame's stored one is damaged.
                if match > 0, index > 0 { frames[index - 1].isVerified = true }
                sums = [expected]
            } else if hasCurrentSalts {
                repair(&frame, buffer, seeds: previous, expected)
                sums = frame.isVerified ? [expected] : [expected] + sums
            } else if index >= Int(witnessed?.frames ?? 0) {
                // A frame of an earlier generation, after the end of this one.
                break
            } else {
                sums = [expected] + sums
            }
            isReadableBySQLite = isReadableBySQLite && frame.isVerified && frame.repaired == nil && hasCurrentSalts
            frames.append(frame)
            if isReadableBySQLite, frame.commit > 0 { validFrames = frames.count }
            wasVerified = frame.isVerified
            previous = sums
            offset += off_t(buffer.count)
        }
        let end = max(committedFrames, min(frames.count, Int(witnessed?.frames ?? 0)))
        frames.removeLast(frames.count - end)
    }

    /// Repairs a frame with one flipped bit. Does nothing if there is no unambiguous repair.
    private func repair(_ frame: inout Frame, _ buffer: [UInt8], seeds: [LogChecksum], _ expected: LogChecksum) {
        let summed = Array(buffer[0..<8] + buffer[Self.frameHeaderSize...])
        for seed in seeds {
            let candidates = LogChecksum.flippingOneBit(of: summed, from: seed, to: expected, bigEndian: bigEndian)
            guard let fixed = candidates.count == 1 ? candidates[0] : best(of: candidates, summed) else { continue }
            frame.page = fixed.bigEndian32(0)
            frame.commit = fixed.bigEndian32(4)
            frame.repaired = Array(fixed[8...])
            frame.isVerified = true
            return
        }
    }

    /// Chooses the candidate with the most intact rows; nil if it is not unique. Changes of the upper bits of a word
    /// have so little effect on the checksums that there are many candidates.
    private func best(of candidates: [[UInt8]], _ unchanged: [UInt8]) -> [UInt8]? {
        let base = SpoolPages.intactRows(in: Array(unchanged[8...]))
        let better = candidates.filter { SpoolPages.intactRows(in: Array($0[8...])) > base }
        return better.count == 1 ? better[0] : nil
    }

    // MARK: Content

    /// The page of a frame; nil if it cannot be read.
    func bytes(of frame: Frame, _ descriptor: Int32) -> [UInt8]? {
        if let repaired = frame.repaired { return repaired }
        var bytes = [UInt8](repeating: 0, count: Self.pageSize)
        return pread(descriptor, &bytes, bytes.count, frame.offset) == bytes.count ? bytes : nil
    }

    /// Writes a log with the frames and correct checksums, which SQLite can read.
    ///
    /// Returns false if there are no frames or writing fails.
    func rebuild(at target: String) -> Bool {
        let source = open(path, O_RDONLY | O_CLOEXEC)
        let output = open(target, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        defer { for descriptor in [source, output] where descriptor >= 0 { Glibc.close(descriptor) } }
        guard !frames.isEmpty, source >= 0, output >= 0 else { return false }
        var header: [UInt8] = []
        // Magic number for little-endian checksums, format, page size, checkpoint number, salts.
        for word in [0x377f_0682, 3_007_000, UInt32(Self.pageSize), 0] { header.append(bigEndian: word) }
        header.append(bigEndian: UInt32(salts >> 32))
        header.append(bigEndian: UInt32(truncatingIfNeeded: salts))
        var sum = LogChecksum()
        sum.add(header[...], bigEndian: false)
        header.append(bigEndian: sum.first)
        header.append(bigEndian: sum.second)
        guard write(output, header, header.count) == header.count else { return false }
        var pages: UInt32 = 0
        for (index, frame) in frames.enumerated() where frame.isVerified || frame.hasValidPage {
            guard let page = bytes(of: frame, source) else { return false }
            pages = max(pages, frame.page, frame.isVerified ? frame.commit : 0)
            let commit = index == frames.count - 1 ? pages : frame.isVerified ? frame.commit : 0
            var bytes: [UInt8] = []
            bytes.append(bigEndian: frame.page)
            bytes.append(bigEndian: commit)
            sum.add(bytes[...], bigEndian: false)
            sum.add(page[...], bigEndian: false)
            bytes.append(bigEndian: UInt32(salts >> 32))
            bytes.append(bigEndian: UInt32(truncatingIfNeeded: salts))
            bytes.append(bigEndian: sum.first)
            bytes.append(bigEndian: sum.second)
            bytes += page
            guard write(output, bytes, bytes.count) == bytes.count else { return false }
        }
        return true
    }
}

extension SpoolLog.Frame {
    /// Whether the page number is possible: the database has at most a few million pages.
    var hasValidPage: Bool { (1...1 << 26).contains(page) }
}

/// The cumulative checksum of a log: two sums over pairs of 32-bit words.
private struct LogChecksum: Equatable {
    var first: UInt32 = 0
    var second: UInt32 = 0

    init() {}

    /// Reads the checksum in a header.
    init(_ bytes: ArraySlice<UInt8>) {
        let bytes = Array(bytes)
        (first, second) = (bytes.bigEndian32(0), bytes.bigEndian32(4))
    }

    mutating func add(_ bytes: ArraySlice<UInt8>, bigEndian: Bool) {
        bytes.withUnsafeBytes { bytes in
            for offset in stride(from: 0, to: bytes.count - 7, by: 8) {
                let x = bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)
                let y = bytes.loadUnaligned(fromByteOffset: offset + 4, as: UInt32.self)
                first &+= (bigEndian ? UInt32(bigEndian: x) : UInt32(littleEndian: x)) &+ second
                second &+= (bigEndian ? UInt32(bigEndian: y) : UInt32(littleEndian: y)) &+ first
            }
        }
    }

    /// Returns the variants of `bytes` with one flipped bit that have the checksum `expected` after `seed`.
    ///
    /// A change of a word changes each sum by a multiple, which depends only on the number of words after it.
    fileprivate static func flippingOneBit(
        of bytes: [UInt8], from seed: LogChecksum, to expected: LogChecksum, bigEndian: Bool
    ) -> [[UInt8]] {
        var sum = seed
        sum.add(bytes[...], bigEndian: bigEndian)
        let (difference, other) = (expected.first &- sum.first, expected.second &- sum.second)
        var found: [[UInt8]] = []
        // The changes of both sums if 1 is added to the first or second word of a pair.
        var effects: [(UInt32, UInt32)] = [(1, 1), (0, 1)]
        for pair in stride(from: bytes.count / 8 - 1, through: 0, by: -1) {
            for (half, effect) in effects.enumerated() {
                let place = pair * 8 + half * 4
                for bit in 0..<32 {
                    let byte = place + (bigEndian ? 3 - bit / 8 : bit / 8)
                    let mask = UInt8(1) << UInt8(bit % 8)
                    let change = bytes[byte] & mask == 0 ? UInt32(1) << UInt32(bit) : 0 &- UInt32(1) << UInt32(bit)
                    guard effect.0 &* change == difference, effect.1 &* change == other else { continue }
                    var fixed = bytes
                    fixed[byte] ^= mask
                    found.append(fixed)
                }
            }
            effects = effects.map { ($0.0 &+ $0.1, $0.0 &+ 2 &* $0.1) }
        }
        return found
    }
}

extension Array<UInt8> {
    func bigEndian32(_ offset: Int) -> UInt32 {
        withUnsafeBytes { UInt32(bigEndian: $0.loadUnaligned(fromByteOffset: offset, as: UInt32.self)) }
    }

    func bigEndian64(_ offset: Int) -> UInt64 {
        withUnsafeBytes { UInt64(bigEndian: $0.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) }
    }

    mutating func append(bigEndian value: UInt32) {
        Swift.withUnsafeBytes(of: value.bigEndian) { append(contentsOf: $0) }
    }
}
