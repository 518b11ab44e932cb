import Alerts
import CLibdeflate
import Journaling

/// The row of a notification, without its body.
struct SpoolRow {
    /// Properties of a notification that must be readable without its body.
    struct Flags: OptionSet {
        let rawValue: Int64

        static let resolved = Flags(rawValue: 1)
        static let replayed = Flags(rawValue: 2)

        /// `Notification.repeats` in the bits 8 to 31: 0 if unknown, otherwise one more.
        var repeats: Int? {
            let bits = rawValue >> 8 & 0xff_ffff
            return bits > 0 ? Int(bits) - 1 : nil
        }

        mutating func insert(repeats: Int?) {
            guard let repeats else { return }
            formUnion(Flags(rawValue: Int64(min(max(repeats, 0), Notification.maxRepeats) + 1) << 8))
        }
    }

    var id: Int64
    var group: Int64
    /// Nanoseconds since 1970-01-01T00:00:00Z.
    var acceptedAt: Int64
    /// The column `crc`: the checksum in the low 32 bits, the flags above it.
    ///
    /// The flags have no column of their own, because ALTER TABLE adds columns after the body. To read such a column,
    /// SQLite would read all overflow pages of the body.
    var checksum: Int64

    init(id: Int64, group: Int64, acceptedAt: Int64, checksum: Int64) {
        (self.id, self.group, self.acceptedAt, self.checksum) = (id, group, acceptedAt, checksum)
    }

    init(_ stored: StoredNotification) {
        let notification = stored.notification
        id = stored.id.rawValue
        group = Int64(bitPattern: notification.group)
        acceptedAt = notification.acceptedAt.nanosecondsSince1970
        checksum = notification.body.withUnsafeBytes { [id, group, acceptedAt] in
            RowChecksum.of(
                id: id, group: group, acceptedAt: acceptedAt, flags: SpoolRow.Flags(notification), body: $0)
        }
    }

    /// Reads the columns id, group_id, accepted_at and crc, which start at index `first`.
    init(_ row: SQLiteRow, from first: Int32 = 0) {
        self.init(
            id: row.integer(first), group: row.integer(first + 1), acceptedAt: row.integer(first + 2),
            checksum: row.integer(first + 3))
    }

    /// The flags. They are not verified: a damaged row can have any.
    var flags: Flags { Flags(column: checksum) }

    /// Reads the columns id, group_id, accepted_at, crc and body, which start at index `first`.
    ///
    /// Returns nil if the checksum does not match, or the row is not in the table of the destination in its id.
    static func notification(in row: SQLiteRow, of destination: Destination, from first: Int32 = 0)
        -> StoredNotification?
    {
        guard isIntact(row, from: first), JournalID(rawValue: row.integer(first)).destination == destination else {
            return nil
        }
        return SpoolRow(row, from: first).stored(body: row.blob(first + 4))
    }

    /// Reads a row that was found in a page. Returns nil if its checksum does not match.
    static func notification(in row: SpoolPages.Row) -> StoredNotification? {
        guard row.columns.count == 5, let group = row.columns[1].integer, let acceptedAt = row.columns[2].integer,
            let checksum = row.columns[3].integer, let body = row.columns[4].bytes
        else { return nil }
        let found = SpoolRow(id: row.id, group: group, acceptedAt: acceptedAt, checksum: checksum)
        return found.isIntact(body) ? found.stored(body: body) : nil
    }

    private func stored(body: [UInt8]) -> StoredNotification {
        let id = JournalID(rawValue: id)
        return StoredNotification(
            id: id,
            notification: Notification(
                severity: id.destination.severity, receiver: id.destination.receiver, group: UInt64(bitPattern: group),
                acceptedAt: Timestamp(nanosecondsSince1970: acceptedAt), body: body,
                isResolved: flags.contains(.resolved), repeats: flags.repeats, isReplayed: flags.contains(.replayed)))
    }

    /// Whether the checksum matches the row and `body`.
    func isIntact(_ body: [UInt8]) -> Bool {
        body.withUnsafeBytes { isIntact($0) }
    }

    static func isIntact(_ row: SQLiteRow, from first: Int32 = 0) -> Bool {
        row.withBlob(first + 4) { SpoolRow(row, from: first).isIntact($0) }
    }

    private func isIntact(_ body: UnsafeRawBufferPointer) -> Bool {
        RowChecksum.of(id: id, group: group, acceptedAt: acceptedAt, flags: flags, body: body) == checksum
    }
}

extension SpoolRow.Flags {
    init(_ notification: Notification) {
        self = []
        if notification.isResolved { insert(.resolved) }
        if notification.isReplayed { insert(.replayed) }
        insert(repeats: notification.repeats)
    }

    /// - Parameter column: The column `crc`.
    init(column: Int64) {
        self.init(rawValue: column >> 32)
    }
}

/// CRC-32 checksums of rows. SQLite has none: measured with 60 flipped bits, its integrity check found none, and 46
/// changed a body undetected.
enum RowChecksum {
    /// The column `crc` of a notification: the checksum in the low 32 bits, the flags above it.
    ///
    /// Without flags the checksum is the same as in schemas before version 4, whose rows have none.
    static func of(
        id: Int64, group: Int64, acceptedAt: Int64, flags: SpoolRow.Flags, body: UnsafeRawBufferPointer
    ) -> Int64 {
        // A tuple, which unlike an array needs no memory of its own.
        let columns = (flags.rawValue.littleEndian, id.littleEndian, group.littleEndian, acceptedAt.littleEndian)
        let seed = withUnsafeBytes(of: columns) { bytes in
            update(0, UnsafeRawBufferPointer(rebasing: flags.isEmpty ? bytes[8...] : bytes[...]))
        }
        return Int64(update(seed, body)) | flags.rawValue << 32
    }

    /// The checksum of a row of `meta` or `receiver`.
    static func of(name: String, value: Int64) -> Int64 {
        let seed = withUnsafeBytes(of: value.littleEndian) { update(0, $0) }
        var name = name
        return Int64(name.withUTF8 { update(seed, UnsafeRawBufferPointer($0)) })
    }

    /// The checksum of a row of `hook`. It covers the length of the key, which separates key and value.
    static func of(key: [UInt8], value: [UInt8]) -> Int64 {
        let length = withUnsafeBytes(of: Int64(key.count).littleEndian) { update(0, $0) }
        let seed = key.withUnsafeBytes { update(length, $0) }
        return Int64(value.withUnsafeBytes { update(seed, $0) })
    }

    static func of(bytes: UnsafeRawBufferPointer) -> Int64 {
        Int64(update(0, bytes))
    }

    private static func update(_ checksum: UInt32, _ bytes: UnsafeRawBufferPointer) -> UInt32 {
        // libdeflate returns the initial checksum if the pointer is nil.
        guard !bytes.isEmpty else { return checksum }
        return libdeflate_crc32(checksum, bytes.baseAddress, bytes.count)
    }
}
