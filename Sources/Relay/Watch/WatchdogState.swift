import Alerts
import Journaling

/// Stores the state of the watchdogs as one row of the journal's table `hook`, under a key that no hook has: their keys
/// are hashes of 16 bytes.
enum WatchdogState {
    static let key = Array("watchdogs".utf8)
    private static let version: UInt8 = 1
    private static let none = Int64.min

    static func row(_ records: [WatchdogMonitor.Record]) -> HookRow {
        var value = [version]
        for record in records {
            append(record.key.watchdog, to: &value)
            append(record.key.source, to: &value)
            append(record.label ?? "", to: &value)
            let alarm = record.alarm
            let times = [record.lastReceived, alarm?.since, alarm?.raisedAt, alarm?.lastTold]
            for word in times.map({ $0?.nanosecondsSince1970 ?? none }) + [alarm.map { Int64($0.count) } ?? 0] {
                withUnsafeBytes(of: word.littleEndian) { value.append(contentsOf: $0) }
            }
        }
        return HookRow(key: key, value: value)
    }

    /// The records of the row; empty if there is no row or this version cannot read it.
    static func records(_ rows: [HookRow]) -> [WatchdogMonitor.Record] {
        guard let value = rows.first(where: { $0.key == key })?.value, value.first == version else { return [] }
        var reader = Reader(rest: value.dropFirst())
        var records: [WatchdogMonitor.Record] = []
        while !reader.rest.isEmpty {
            guard let record = reader.record() else { return [] }
            records.append(record)
        }
        return records
    }

    /// Texts of more than 65,535 bytes do not occur: names have 63, sources 200, and a label name is cut here.
    private static func append(_ text: String, to value: inout [UInt8]) {
        let bytes = Array(text.utf8.prefix(Int(UInt16.max)))
        value += [UInt8(bytes.count & 0xFF), UInt8(bytes.count >> 8)] + bytes
    }

    private struct Reader {
        var rest: ArraySlice<UInt8>

        mutating func record() -> WatchdogMonitor.Record? {
            guard let watchdog = text(), let source = text(), let label = text() else { return nil }
            let words = (0..<5).compactMap { _ in word() }
            guard words.count == 5 else { return nil }
            let times = words.prefix(4).map { $0 == none ? nil : Timestamp(nanosecondsSince1970: $0) }
            var record = WatchdogMonitor.Record(
                key: .init(watchdog: watchdog, source: source), label: label.isEmpty ? nil : label,
                lastReceived: times[0])
            if let since = times[1], let raisedAt = times[2], let lastTold = times[3] {
                let count = Int(min(max(words[4], 1), 1_000_000))
                record.alarm = .init(since: since, raisedAt: raisedAt, count: count, lastTold: lastTold)
            }
            return record
        }

        private mutating func bytes(_ count: Int) -> ArraySlice<UInt8>? {
            guard rest.count >= count else { return nil }
            defer { rest = rest.dropFirst(count) }
            return rest.prefix(count)
        }

        private mutating func text() -> String? {
            guard let size = bytes(2), let first = size.first, let second = size.last,
                let text = bytes(Int(first) | Int(second) << 8)
            else { return nil }
            return String(decoding: text, as: UTF8.self)
        }

        private mutating func word() -> Int64? {
            bytes(8).map { Int64(bitPattern: $0.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }) }
        }
    }
}
