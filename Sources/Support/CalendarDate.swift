/// A day of the proleptic Gregorian calendar, from year 0 on (RFC 3339 section 1).
package struct CalendarDate: Sendable, Equatable {
    package var year: Int
    /// 1...12
    package var month: Int
    /// 1...31
    package var day: Int

    /// Days from 0001-01-01 to 1970-01-01.
    private static let epoch = 719_162
    private static let daysIn400Years = 146_097
    private static let daysIn100Years = 36_524
    private static let daysIn4Years = 1_461

    private static func isLeap(_ year: Int) -> Bool {
        year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    }

    /// The number of days in a month. `month` is 1...12.
    package static func days(in month: Int, of year: Int) -> Int {
        switch month {
        case 2: isLeap(year) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// The days of the year before the first day of `month`.
    private static func daysBefore(_ month: Int, of year: Int) -> Int {
        // From March on, five months in a row have 153 days.
        if month <= 2 { return (month - 1) * 31 }
        return 59 + (isLeap(year) ? 1 : 0) + (153 * (month - 3) + 2) / 5
    }

    /// Returns nil if the day does not exist or the year is negative.
    package init?(year: Int, month: Int, day: Int) {
        guard year >= 0, (1...12).contains(month), day >= 1, day <= Self.days(in: month, of: year) else { return nil }
        self.year = year
        self.month = month
        self.day = day
    }

    /// The day that is `daysSince1970` days after 1970-01-01; negative before it.
    package init(daysSince1970: Int) {
        var remainder = daysSince1970 + Self.epoch
        let cycle = (remainder >= 0 ? remainder : remainder - Self.daysIn400Years + 1) / Self.daysIn400Years
        remainder -= cycle * Self.daysIn400Years
        // The last day of a 400-year cycle is in its fourth century, and that of a 4-year cycle in its fourth year.
        let century = min(remainder / Self.daysIn100Years, 3)
        remainder -= century * Self.daysIn100Years
        let fourYears = remainder / Self.daysIn4Years
        remainder -= fourYears * Self.daysIn4Years
        let oneYear = min(remainder / 365, 3)
        remainder -= oneYear * 365
        year = 1 + cycle * 400 + century * 100 + fourYears * 4 + oneYear
        month = 1
        while remainder >= Self.days(in: month, of: year) {
            remainder -= Self.days(in: month, of: year)
            month += 1
        }
        day = remainder + 1
    }

    /// Days after 1970-01-01; negative before it.
    package var daysSince1970: Int {
        // Shifted by 400 years, so that no dividend is negative.
        let years = year + 399
        let leapDays = years / 4 - years / 100 + years / 400
        return years * 365 + leapDays - Self.daysIn400Years - Self.epoch + Self.daysBefore(month, of: year) + day - 1
    }
}

extension CalendarDate: CustomStringConvertible {
    /// The date in ISO 8601, for example `2026-11-23`.
    package var description: String { "\(year.padded(to: 4))-\(month.padded(to: 2))-\(day.padded(to: 2))" }
}

extension Int {
    /// The number in decimal, padded with leading zeros to `width` digits. The number must not be negative.
    package func padded(to width: Int) -> String {
        let digits = String(self)
        return String(repeating: "0", count: Swift.max(0, width - digits.utf8.count)) + digits
    }
}
