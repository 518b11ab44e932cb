import CZlib

/// CRC-32 over all columns of a row, and over a notification's flags, which are in the same column.
///
/// SQLite has no checksum of its own: of 60 flipped bits its own check found none, and 46 changed a body silently
/// (reliability.md 2.4).
enum RowChecksum {
    /// The column `crc` of a notification: the checksum in the low 32 bits, the flags above it.
    ///
    /// The checksum covers the flags unless there are none: such a row has the checksum of the schemas before version 4,
    /// so their rows stay valid.
    static func of(
        id: Int64, group: Int64, acceptedAt: Int64, flags: SpoolRow.Flags, body: UnsafeRawBufferPointer
    ) -> Int64 {
        let columns = [flags.rawValue.littleEndian, id.littleEndian, group.littleEndian, acceptedAt.littleEndian]
        let seed = columns.withUnsafeBytes { bytes in
            update(0, UnsafeRawBufferPointer(rebasing: flags.isEmpty ? bytes[8...] : bytes[...]))
        }
        return Int64(update(seed, body)) | flags.rawValue << 32
    }

    /// Of a row of `meta` or `receiver`, which name a number.
    static func of(name: String, value: Int64) -> Int64 {
        let seed = withUnsafeBytes(of: value.littleEndian) { update(0, $0) }
        var name = name
        return Int64(name.withUTF8 { update(seed, UnsafeRawBufferPointer($0)) })
    }

    /// Of a row of `hook`. The key's length tells where the value begins.
    static func of(key: [UInt8], value: [UInt8]) -> Int64 {
        let length = withUnsafeBytes(of: Int64(key.count).littleEndian) { update(0, $0) }
        let seed = key.withUnsafeBytes { update(length, $0) }
        return Int64(value.withUnsafeBytes { update(seed, $0) })
    }

    static func of(bytes: UnsafeRawBufferPointer) -> Int64 {
        Int64(update(0, bytes))
    }

    private static func update(_ checksum: UInt, _ bytes: UnsafeRawBufferPointer) -> UInt {
        // zlib takes a nil pointer for a request to start over.
        guard !bytes.isEmpty else { return checksum }
        return crc32_z(checksum, bytes.bindMemory(to: UInt8.self).baseAddress, bytes.count)
    }
}
