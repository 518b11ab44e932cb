import CZlib

/// CRC-32 over all columns of a notification's row.
///
/// SQLite has no checksum of its own: of 60 flipped bits its own check found none, and 46 changed a body silently
/// (reliability.md 2.4).
enum RowChecksum {
    static func of(id: Int64, group: Int64, acceptedAt: Int64, body: UnsafeRawBufferPointer) -> Int64 {
        let columns = [id.littleEndian, group.littleEndian, acceptedAt.littleEndian]
        let seed = columns.withUnsafeBytes { update(0, $0) }
        return Int64(update(seed, body))
    }

    private static func update(_ checksum: UInt, _ bytes: UnsafeRawBufferPointer) -> UInt {
        // zlib takes a nil pointer for a request to start over.
        guard !bytes.isEmpty else { return checksum }
        return crc32_z(checksum, bytes.bindMemory(to: UInt8.self).baseAddress, bytes.count)
    }
}
