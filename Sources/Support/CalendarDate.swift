/// A day of the Gregorian calendar, counted back before its adoption too (RFC 3339 section 1).
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

    package static func days(in month: Int, of year: Int) -> Int {
        switch month {
        case 2: isLeap(year) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    private static func daysBefore(_ month: Int, of year: Int) -> Int {
        // Months from March on follow a pattern of 153 days in five; January and February stand before it.
        if month <= 2 { return (month - 1) * 31 }
        return 59 + (isLeap(year) ? 1 : 0) + (153 * (month - 3) + 2) / 5
    }

    /// Nil where the calendar has no such day. Years from 0 on.
    package init?(year: Int, month: Int, day: Int) {
        guard year >= 0, (1...12).contains(month), day >= 1, day <= Self.days(in: month, of: year) else { return nil }
        self.year = year
        self.month = month
        self.day = day
    }

    package init(daysSince1970: Int) {
        var rest = daysSince1970 + Self.epoch
        let cycle = (rest >= 0 ? rest : rest - Self.daysIn400Years + 1) / Self.daysIn400Years
        rest -= cycle * Self.daysIn400Years
        // The last day of 400 years, and of four, belongs to the century or year before it, not to a fifth one.
        let century = min(rest / Self.daysIn100Years, 3)
        rest -= century * Self.daysIn100Years
        let fourYears = rest / Self.daysIn4Years
        rest -= fourYears * Self.daysIn4Years
        let oneYear = min(rest / 365, 3)
        rest -= oneYear * 365
        year = 1 + cycle * 400 + century * 100 + fourYears * 4 + oneYear
        month = 1
        while rest >= Self.days(in: month, of: year) {
            rest -= Self.days(in: month, of: year)
            month += 1
        }
        day = rest + 1
    }

    package var daysSince1970: Int {
        // Shifted by 400 years, so that no division meets a negative number.
        let years = year + 399
        let leapDays = years / 4 - years / 100 + years / 400
        return years * 365 + leapDays - Self.daysIn400Years - Self.epoch + Self.daysBefore(month, of: year) + day - 1
    }
}

extension CalendarDate: CustomStringConvertible {
    /// `2026-11-23`.
    package var description: String { "\(year.padded(to: 4))-\(month.padded(to: 2))-\(day.padded(to: 2))" }
}

extension Int {
    /// In decimal, with zeros before it up to `width` digits; for numbers from 0 on.
    package func padded(to width: Int) -> String {
        let digits = String(self)
        return String(repeating: "0", count: Swift.max(0, width - digits.utf8.count)) + digits
    }
}
