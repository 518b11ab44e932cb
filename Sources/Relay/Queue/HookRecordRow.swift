import Alerts
import DeliveryCore
import Journaling
import Posting
import Support

/// The stored record of a hook: its recent posts. With it a restart neither exceeds the rate limit nor repeats part of
/// a message that may be in the room.
///
/// Times are wall clock times. A row that this version cannot parse is ignored; the hook then has no recent posts.
struct HookRecordRow {
    private static let version: UInt8 = 1
    private static let none = Int64.min

    /// A hash of the hook URL, which does not reveal its secret.
    static func key(_ hook: HookURL) -> [UInt8] {
        Array(hook.url.revealed.utf8).withUnsafeBytes { Array(SHA256().digest(of: $0).prefix(16)) }
    }

    /// The record that must be stored before a post to this hook starts.
    static func row(
        of hook: HookID, _ machine: DeliveryMachine, _ map: DeliveryMap, at reading: MachineClock.Reading
    ) -> HookRow? {
        machine.record(of: hook, until: reading.steady).map {
            row($0, key: key(map.hooks[hook.index]), at: reading)
        }
    }

    static func row(_ record: HookRecord, key: [UInt8], at reading: MachineClock.Reading) -> HookRow {
        var value = [version, UInt8(record.unfinished?.form.rawValue ?? 0)]
        let times = [
            record.unfinished.map(\.through.rawValue) ?? none, record.pausedUntil.map(reading.wall(of:)) ?? none,
            record.failingSince.map(reading.wall(of:)) ?? none,
        ]
        for word in times + record.posts.suffix(10_000).map(reading.wall(of:)) {
            withUnsafeBytes(of: word.littleEndian) { value.append(contentsOf: $0) }
        }
        return HookRow(key: key, value: value)
    }

    /// Returns the stored records of these hooks.
    static func records(_ rows: [HookRow], _ map: DeliveryMap, at reading: MachineClock.Reading) -> [HookRecord] {
        let values = Dictionary(rows.map { ($0.key, $0.value) }) { $1 }
        return map.hooks.enumerated().compactMap { index, hook in
            values[key(hook)].flatMap { value in record(of: HookID(index), value, at: reading) { map.queue($0) } }
        }
    }

    /// - Parameter queue: returns the queue of a destination.
    static func record(
        of hook: HookID, _ value: [UInt8], at reading: MachineClock.Reading, queue: (Destination) -> QueueID?
    ) -> HookRecord? {
        guard value.count >= 26, value[0] == version, let form = Form(rawValue: value[1]) else { return nil }
        let words = stride(from: 2, through: value.count - 8, by: 8).map { start in
            value[start..<start + 8].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        }.map { Int64(bitPattern: $0) }
        let time = { (word: Int64) in word == none ? nil : reading.instant(ofWall: word) }
        // The clock may have been set back: clamp recorded times to now, and pauses to the longest that a server
        // requests.
        let posts = words.dropFirst(3).map { min(reading.instant(ofWall: $0), reading.steady) }
        var record = HookRecord(hook: hook, posts: posts)
        record.pausedUntil = time(words[1]).map { min($0, reading.steady + .seconds(600)) }
        record.failingSince = time(words[2]).map { min($0, reading.steady) }
        if words[0] > 0, let queue = queue(JournalID(rawValue: words[0]).destination) {
            // The process that sent it has exited and its connection is closed, so no part is still in flight.
            record.unfinished = HookRecord.Unfinished(
                queue: queue, through: EntryID(words[0]), form: form, until: reading.steady)
        }
        return record
    }
}
