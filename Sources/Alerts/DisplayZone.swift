import Glibc
import Support

/// The time zone of the times in messages.
package enum DisplayZone: Sendable, Equatable {
    case utc
    /// The zone of the process, which `ProcessSetup` sets once from `RELAY_TIMEZONE`. A value for each setting would
    /// need a reader of the zone database of our own: glibc has one zone for a process.
    case process

    /// A moment on the zone's clock.
    private struct Reading {
        var date: CalendarDate
        var minute: Int
        /// `UTC`, `CEST`, `+0545`.
        var zone: String

        var day: String { "\(date)" }
        /// Without seconds, since `:04:` is the form of an emoji.
        var clock: String { "\((minute / 60).padded(to: 2)):\((minute % 60).padded(to: 2))" }
    }

    /// `2026-11-23 17:04 UTC`.
    package func moment(_ time: Timestamp) -> String {
        let reading = reading(of: time)
        return "\(reading.day) \(reading.clock) \(reading.zone)"
    }

    /// `17:04 UTC` if the day is that of `now`, otherwise with the day.
    package func recent(_ time: Timestamp, now: Timestamp) -> String {
        let reading = reading(of: time)
        return reading.date == self.reading(of: now).date ? "\(reading.clock) \(reading.zone)" : moment(time)
    }

    /// `2026-11-23 17:04 to 17:20 UTC`.
    func span(_ start: Timestamp, _ end: Timestamp) -> String {
        let (from, to) = (reading(of: start), reading(of: end))
        let until = from.date == to.date ? "\(to.clock) \(to.zone)" : moment(end)
        return "\(from.day) \(from.clock)\(from.zone == to.zone ? "" : " " + from.zone) to \(until)"
    }

    private func reading(of time: Timestamp) -> Reading {
        if self == .process, let reading = Self.processReading(of: time) { return reading }
        return Reading(date: time.date, minute: time.secondOfDay / 60, zone: "UTC")
    }

    private static func processReading(of time: Timestamp) -> Reading? {
        var seconds = time_t(time.seconds)
        var parts = tm()
        guard localtime_r(&seconds, &parts) != nil,
            let date = CalendarDate(
                year: Int(parts.tm_year) + 1900, month: Int(parts.tm_mon) + 1, day: Int(parts.tm_mday))
        else { return nil }
        let name = parts.tm_zone.map { String(cString: $0) } ?? ""
        return Reading(date: date, minute: Int(parts.tm_hour) * 60 + Int(parts.tm_min), zone: name)
    }
}
