import Alerts
import CLibdeflate

/// The CRC-32 of a notification, from its acceptance to its delivery. It does not cover the id, which the server
/// assigns, and the repeats, which it counts.
enum BodyChecksum {
    static func of(_ notification: Notification) -> Int64 {
        of(
            queue: Int64(notification.destination.queueNumber), group: Int64(bitPattern: notification.group),
            acceptedAt: notification.acceptedAt.nanosecondsSince1970, isResolved: notification.isResolved,
            notification.body)
    }

    static func of(queue: Int64, group: Int64, acceptedAt: Int64, isResolved: Bool, _ body: [UInt8]) -> Int64 {
        let seed = [queue, group, acceptedAt, isResolved ? 1 : 0].flatMap(\.bigEndianBytes).withUnsafeBytes {
            update(0, $0)
        }
        return Int64(body.withUnsafeBytes { update(seed, $0) })
    }

    private static func update(_ checksum: UInt32, _ bytes: UnsafeRawBufferPointer) -> UInt32 {
        // libdeflate returns the initial checksum if the pointer is nil.
        guard !bytes.isEmpty else { return checksum }
        return libdeflate_crc32(checksum, bytes.baseAddress, bytes.count)
    }
}
