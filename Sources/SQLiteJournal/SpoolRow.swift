import Alerts
import CZlib
import Journaling
import Support

/// A notification as its row holds it.
struct SpoolRow {
    /// What is known of a notification without its body.
    struct Flags: OptionSet {
        let rawValue: Int64

        static let resolved = Flags(rawValue: 1)
        static let replayed = Flags(rawValue: 2)
    }

    var id: Int64
    var group: Int64
    /// Nanoseconds since 1970-01-01T00:00:00Z.
    var acceptedAt: Int64
    /// The column `crc`: the checksum in the low 32 bits, the flags above it.
    ///
    /// The flags have no column of their own: one that ALTER TABLE adds is stored behind the body. To read it, SQLite
    /// would read every overflow page of a large body.
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

    /// Reads the columns id, group_id, accepted_at and crc, which begin at `first`.
    init(_ row: SQLiteRow, from first: Int32 = 0) {
        self.init(
            id: row.integer(first), group: row.integer(first + 1), acceptedAt: row.integer(first + 2),
            checksum: row.integer(first + 3))
    }

    /// Not checked: a damaged row may have any.
    var flags: Flags { Flags(column: checksum) }

    /// Reads the columns id, group_id, accepted_at, crc and body, which begin at `first`.
    ///
    /// Returns nil where the checksum does not fit, or the row stands in another destination's table than its id says.
    static func notification(in row: SQLiteRow, of destination: Destination, from first: Int32 = 0)
        -> StoredNotification?
    {
        guard isIntact(row, from: first), JournalID(rawValue: row.integer(first)).destination == destination else {
            return nil
        }
        return SpoolRow(row, from: first).stored(body: row.blob(first + 4))
    }

    /// A row found in a page, whose table its id names; nil where it does not prove itself.
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
                isResolved: flags.contains(.resolved), isReplayed: flags.contains(.replayed)))
    }

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
    }

    /// - Parameter column: The column `crc`.
    init(column: Int64) {
        self.init(rawValue: column >> 32)
    }
}

/// CRC-32 over all columns of a row, and over a notification's flags, which are in the same column.
///
/// SQLite has no checksum of its own: of 60 flipped bits its own check found none, and 46 changed a body silently
/// (measured).
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
