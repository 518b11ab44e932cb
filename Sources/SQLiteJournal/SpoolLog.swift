import Alerts
import Glibc
import Journaling
import Support

/// Reads a write-ahead log of SQLite past its first bad frame (sqlite.org/fileformat2.html section 4).
///
/// The checksum of a frame is computed from that of the frame before. SQLite therefore ends at the first one that does
/// not fit; but each frame holds its own sum, from which the next can be checked all the same. A single flipped bit is
/// even found, since the sums are linear in the words of the page.
package struct SpoolLog {
    struct Frame {
        var page: UInt32
        /// The database's pages after the commit that this frame ends; 0 within a transaction.
        var commit: UInt32
        /// Where the page's bytes begin in the file.
        var offset: off_t
        /// Its checksum fits, maybe after a repair.
        var isProven: Bool
        /// The page where it is not as in the file.
        var repaired: [UInt8]?
    }

    static let headerSize = 32
    private static let frameHeaderSize = 24
    static var pageSize: Int { Int(SpoolSettings.pageSize) }

    let path: String
    private(set) var salts: UInt64 = 0
    private(set) var hasHeader = false
    /// Of the header's generation, up to the last one whose content is believed.
    private(set) var frames: [Frame] = []
    /// Frames that SQLite takes: up to the last commit before anything that does not fit.
    private(set) var validFrames = 0
    private var bigEndian = false

    /// Frames up to the last commit that is proven.
    var committedFrames: Int { (frames.lastIndex { $0.isProven && $0.commit > 0 } ?? -1) + 1 }

    /// A commit stands behind what SQLite takes for the end.
    var isBroken: Bool { committedFrames > validFrames }

    /// Nothing can be read of a log that is not there.
    ///
    /// - Parameter witnessed: The salts and frames that the witness names, to go by where the header is damaged.
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
        var isStrict = hasHeader
        salts = header.bigEndian64(16)
        if !hasHeader {
            // The frames have the salts too; those of the first are the generation's.
            var first = [UInt8](repeating: 0, count: Self.frameHeaderSize)
            guard pread(descriptor, &first, first.count, off_t(Self.headerSize)) == first.count else { return }
            salts = witnessed?.salts ?? first.bigEndian64(8)
            bigEndian = false
        }
        // A later generation than the witness knows is none of its business.
        let witnessed = hasHeader && witnessed?.salts != salts ? nil : witnessed
        var previous = hasHeader ? [stored] : [stored, seed]
        var buffer = [UInt8](repeating: 0, count: Self.frameHeaderSize + Self.pageSize)
        var offset = off_t(Self.headerSize)
        var wasBelieved = true
        while pread(descriptor, &buffer, buffer.count, offset) == buffer.count {
            let isOurs = buffer.bigEndian64(8) == salts
            let index = frames.count
            var frame = Frame(
                page: buffer.bigEndian32(0), commit: buffer.bigEndian32(4),
                offset: offset + off_t(Self.frameHeaderSize), isProven: false)
            let expected = LogChecksum(buffer[16..<24])
            var sums = previous.map { seed in
                var sum = seed
                sum.add(buffer[0..<8], bigEndian: bigEndian)
                sum.add(buffer[Self.frameHeaderSize...], bigEndian: bigEndian)
                return sum
            }
            if let match = sums.firstIndex(of: expected), isOurs || wasBelieved {
                frame.isProven = true
                // Its sum follows from what the frame before is, not from what that says of itself: the sum was damaged.
                if match > 0, index > 0 { frames[index - 1].isProven = true }
                sums = [expected]
            } else if isOurs {
                repair(&frame, buffer, seeds: previous, expected)
                sums = frame.isProven ? [expected] : [expected] + sums
            } else if index >= Int(witnessed?.frames ?? 0) {
                // An earlier generation's, behind the end of this one.
                break
            } else {
                sums = [expected] + sums
            }
            isStrict = isStrict && frame.isProven && frame.repaired == nil && isOurs
            frames.append(frame)
            if isStrict, frame.commit > 0 { validFrames = frames.count }
            wasBelieved = frame.isProven
            previous = sums
            offset += off_t(buffer.count)
        }
        let end = max(committedFrames, min(frames.count, Int(witnessed?.frames ?? 0)))
        frames.removeLast(frames.count - end)
    }

    private func repair(_ frame: inout Frame, _ buffer: [UInt8], seeds: [LogChecksum], _ expected: LogChecksum) {
        let summed = Array(buffer[0..<8] + buffer[Self.frameHeaderSize...])
        for seed in seeds {
            let candidates = LogChecksum.flippingOneBit(of: summed, from: seed, to: expected, bigEndian: bigEndian)
            guard let fixed = candidates.count == 1 ? candidates[0] : best(of: candidates, summed) else { continue }
            frame.page = fixed.bigEndian32(0)
            frame.commit = fixed.bigEndian32(4)
            frame.repaired = Array(fixed[8...])
            frame.isProven = true
            return
        }
    }

    /// The upper bits of a word leave so little in the sums that many places come into question: the rows decide.
    private func best(of candidates: [[UInt8]], _ unchanged: [UInt8]) -> [UInt8]? {
        let base = SpoolPages.intactRows(in: Array(unchanged[8...]))
        let better = candidates.filter { SpoolPages.intactRows(in: Array($0[8...])) > base }
        return better.count == 1 ? better[0] : nil
    }

    // MARK: Content

    func bytes(of frame: Frame, _ descriptor: Int32) -> [UInt8]? {
        if let repaired = frame.repaired { return repaired }
        var bytes = [UInt8](repeating: 0, count: Self.pageSize)
        return pread(descriptor, &bytes, bytes.count, frame.offset) == bytes.count ? bytes : nil
    }

    /// Writes a log of what is believed, with checksums that fit, for SQLite to read.
    ///
    /// Returns false where nothing is to be written or writing fails.
    func rebuild(at target: String) -> Bool {
        let source = open(path, O_RDONLY | O_CLOEXEC)
        let output = open(target, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        defer { for descriptor in [source, output] where descriptor >= 0 { Glibc.close(descriptor) } }
        guard !frames.isEmpty, source >= 0, output >= 0 else { return false }
        var header: [UInt8] = []
        // Magic with sums over little-endian words, format, page size, checkpoint number, salts.
        for word in [0x377f_0682, 3_007_000, UInt32(Self.pageSize), 0] { header.append(bigEndian: word) }
        header.append(bigEndian: UInt32(salts >> 32))
        header.append(bigEndian: UInt32(truncatingIfNeeded: salts))
        var sum = LogChecksum()
        sum.add(header[...], bigEndian: false)
        header.append(bigEndian: sum.first)
        header.append(bigEndian: sum.second)
        guard write(output, header, header.count) == header.count else { return false }
        var pages: UInt32 = 0
        for (index, frame) in frames.enumerated() where frame.isProven || frame.isPlausible {
            guard let page = bytes(of: frame, source) else { return false }
            pages = max(pages, frame.page, frame.isProven ? frame.commit : 0)
            let commit = index == frames.count - 1 ? pages : frame.isProven ? frame.commit : 0
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
    /// The database has at most a few million pages.
    var isPlausible: Bool { (1...1 << 26).contains(page) }
}

/// The running checksum of a log: two sums over pairs of 32-bit words.
struct LogChecksum: Equatable {
    var first: UInt32 = 0
    var second: UInt32 = 0

    init() {}

    /// As it stands in a header.
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

    /// All ways to change one bit of the bytes so that they lead from one sum to the other.
    ///
    /// A change of a word changes the sums by a multiple of it that depends only on the words behind it.
    fileprivate static func flippingOneBit(
        of bytes: [UInt8], from seed: LogChecksum, to expected: LogChecksum, bigEndian: Bool
    ) -> [[UInt8]] {
        var sum = seed
        sum.add(bytes[...], bigEndian: bigEndian)
        let (difference, other) = (expected.first &- sum.first, expected.second &- sum.second)
        var found: [[UInt8]] = []
        // The effect of adding 1 to the first and to the second word of a pair.
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

    package mutating func append(bigEndian value: UInt32) {
        Swift.withUnsafeBytes(of: value.bigEndian) { append(contentsOf: $0) }
    }
}
