package import Alerts

/// A stored dedupe key: the state in which a group was accepted.
package struct SeenKey: Sendable, Equatable {
    /// The sequential id of the dedupe key, independent of `JournalID`.
    package var id: Int64
    /// Nil in rows of earlier versions, which do not detect duplicates.
    package var group: UInt64?
    package var key: ShortDedupeKey
    package var at: Timestamp

    /// The column `key` of a row: the key, followed by the group.
    package var bytes: [UInt8] { key.bytes + (group.map(\.bigEndianBytes) ?? []) }

    init(id: Int64, group: UInt64?, key: ShortDedupeKey, at: Timestamp) {
        (self.id, self.group, self.key, self.at) = (id, group, key, at)
    }

    /// - Parameter bytes: The column `key` of a row.
    package init(id: Int64, bytes: UnsafeRawBufferPointer, at: Timestamp) {
        let group: UInt64? = bytes.count == 24 ? bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self) : nil
        self.init(id: id, group: group.map(UInt64.init(bigEndian:)), key: ShortDedupeKey(bytes: bytes), at: at)
    }
}

/// The first 16 bytes of a dedupe key. A collision is expected after about 2^64 payloads.
package struct ShortDedupeKey: Sendable, Hashable {
    private var high: UInt64
    private var low: UInt64

    init(_ key: DedupeKey, isRepeat: Bool) {
        (high, low) = key.prefix
        if isRepeat { self = asRepeat }
    }

    /// The key of a deliberate repeat of the same state.
    var asRepeat: ShortDedupeKey {
        var key = self
        key.low = ~low
        return key
    }

    /// Uses the first 16 bytes. Missing bytes count as zero.
    init(bytes: some Sequence<UInt8>) {
        let first = bytes.withContiguousStorageIfAvailable { bytes -> (UInt64, UInt64)? in
            let raw = UnsafeRawBufferPointer(bytes)
            guard raw.count >= 16 else { return nil }
            return (
                UInt64(bigEndian: raw.loadUnaligned(as: UInt64.self)),
                UInt64(bigEndian: raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
            )
        }
        if let words = first ?? nil {
            (high, low) = words
            return
        }
        var words: [UInt64] = [0, 0]
        for (index, byte) in bytes.prefix(16).enumerated() {
            words[index / 8] |= UInt64(byte) << (56 - index % 8 * 8)
        }
        high = words[0]
        low = words[1]
    }

    /// 16 bytes.
    package var bytes: [UInt8] { high.bigEndianBytes + low.bigEndianBytes }
}

extension UInt64 {
    fileprivate var bigEndianBytes: [UInt8] {
        withUnsafeBytes(of: bigEndian) { [UInt8]($0) }
    }
}
