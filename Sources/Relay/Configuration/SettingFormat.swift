import Posting

/// How a value is written: what the file may hold for it, its range, and its parser.
struct SettingFormat<Value: Sendable>: Sendable {
    private(set) var shape = SettingShape.single
    private(set) var ends: SettingEnds?
    let isSame: @Sendable (Value, Value) -> Bool
    /// Writes a default for the table; nil if there is none.
    let text: @Sendable (Value) -> String?
    private let parser: @Sendable (SettingValue, inout SettingNotes) -> Value?
    /// A warning about a valid value; nil if there is none.
    var warn: @Sendable (Value) -> String? = { _ in nil }

    /// Returns nil if a problem was noted.
    func parse(_ value: SettingValue, _ notes: inout SettingNotes) -> Value? {
        guard let parsed = parser(value, &notes) else { return nil }
        if let warning = warn(parsed) { notes.warnings.append(warning) }
        return parsed
    }

    init(
        _ shape: SettingShape, isSame: @escaping @Sendable (Value, Value) -> Bool,
        text: @escaping @Sendable (Value) -> String? = { "\($0)" },
        parse: @escaping @Sendable (SettingValue, inout SettingNotes) -> Value?
    ) {
        (self.shape, self.isSame, self.text, self.parser) = (shape, isSame, text, parse)
    }

    init(
        _ shape: SettingShape, text: @escaping @Sendable (Value) -> String? = { "\($0)" },
        parse: @escaping @Sendable (SettingValue, inout SettingNotes) -> Value?
    ) where Value: Equatable {
        self.init(shape, isSame: { $0 == $1 }, text: text, parse: parse)
    }

    /// A single value.
    ///
    /// - Parameter expectation: what the value must be, for the error.
    static func single(
        _ expectation: String, ends: SettingEnds? = nil, text: @escaping @Sendable (Value) -> String? = { "\($0)" },
        _ read: @escaping @Sendable (String) -> Value?
    ) -> Self where Value: Equatable {
        var format = Self(.single, text: text) { value, notes in
            let found = value.single
            if let value = read(found) { return value }
            let hint = found.isQuoted ? "; take the quotes out" : ""
            notes.problems.append("\(SettingNotes.quoted(found)) is not \(expectation)\(hint)")
            return nil
        }
        format.ends = ends
        return format
    }

    /// The same for a property that is nil if the setting is not given.
    static func optional<Wrapped>(_ format: SettingFormat<Wrapped>) -> Self where Value == Wrapped? {
        var optional = Self(
            format.shape,
            isSame: { first, second in
                guard let first, let second else { return first == nil && second == nil }
                return format.isSame(first, second)
            }, text: { $0.flatMap(format.text) },
            parse: { value, notes in format.parse(value, &notes).map(Optional.some) })
        optional.ends = format.ends
        return optional
    }
}

/// What the file may hold for a setting.
enum SettingShape: Sendable {
    case single
    /// A single value is a list's items, separated by commas.
    case list
    /// A list, or a map.
    case map
}

/// What is wrong with a value, and what looks wrong but may be right. Never repeats a secret.
struct SettingNotes {
    var problems: [String] = []
    var warnings: [String] = []

    /// The text in quotes, with escaped control characters, cut to fit a line.
    static func quoted(_ text: String) -> String { String(text.unicodeScalars.prefix(100)).debugDescription }
}

/// The smallest and the largest value of a number, as they are written in a configuration.
struct SettingEnds: Sendable, Equatable {
    let least: String
    let most: String
}

// MARK: Numbers

// Swift traps if arithmetic overflows. The reader refuses values outside these ranges, ends included, so that no sum or
// product of settings can overflow later.

extension SettingFormat where Value == Int {
    static func count(_ range: ClosedRange<Int>) -> Self {
        let ends = SettingEnds(least: "\(range.lowerBound)", most: "\(range.upperBound)")
        return .single("a whole number from \(ends.least) to \(ends.most)", ends: ends) {
            Int($0).flatMap { range.contains($0) ? $0 : nil }
        }
    }

    static func bytes(_ range: ClosedRange<Int>) -> Self {
        let text = { @Sendable (bytes: Int) in Quantity.text(bytes: bytes) }
        let ends = SettingEnds(least: text(range.lowerBound), most: text(range.upperBound))
        return .single("a size from \(ends.least) to \(ends.most), as in 64MiB", ends: ends, text: text) {
            Quantity.bytes($0).flatMap { range.contains($0) ? $0 : nil }
        }
    }
}

extension SettingFormat where Value == Duration {
    static func duration(_ range: ClosedRange<Duration>) -> Self {
        let text = { @Sendable (duration: Duration) in Quantity.text(duration) }
        let ends = SettingEnds(least: text(range.lowerBound), most: text(range.upperBound))
        let expectation = "a duration from \(ends.least) to \(ends.most), as in 8s, 500ms or 1m30s"
        return .single(expectation, ends: ends, text: text) {
            Quantity.duration($0).flatMap { range.contains($0) ? $0 : nil }
        }
    }

    static func duration(upToDays days: Int) -> Self { .duration(.zero ... .seconds(days * 86_400)) }

    static func timeout(upTo longest: Duration) -> Self { .duration(.milliseconds(10)...longest) }
}

extension SettingFormat where Value == RateLimit? {
    /// Nil is `off`, which is accepted too.
    static func rate(posts: ClosedRange<Int>, window: ClosedRange<Duration>) -> Self {
        let text = { @Sendable (posts: Int, window: Duration) in "\(posts)/\(Quantity.text(window))" }
        let ends = SettingEnds(
            least: text(posts.lowerBound, window.upperBound), most: text(posts.upperBound, window.lowerBound))
        return .single(
            "posts per time as in 10/60s, from \(ends.least) to \(ends.most), or off", ends: ends,
            text: { $0.map { text($0.posts, $0.window) } ?? "off" },
            { read in
                guard let limit = RateLimit.read(read) else { return nil }
                guard let limit else { return .some(nil) }
                // The inner nil is `off`, which a rate out of range must not become.
                guard posts.contains(limit.posts), window.contains(limit.window) else { return nil }
                return .some(limit)
            })
    }
}

// MARK: Words

extension SettingFormat where Value == Bool {
    static var flag: Self { .single("true or false") { Bool($0.lowercased()) } }
}

extension SettingFormat where Value == String {
    /// Any text.
    static var text: Self { Self(.single) { value, _ in value.single } }
}

extension SettingFormat where Value == [String] {
    static var list: Self {
        Self(.list, text: { $0.joined(separator: ",") }) { value, _ in value.items.filter { !$0.isEmpty } }
    }
}
