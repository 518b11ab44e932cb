/// The types that Rocket.Chat checks with Meteor's `check`, and the texts of its errors.
///
/// Each level of checks that catches an error of the level below puts `Match error: ` before it. Keys of an object are
/// checked in a function, and URLs in a second one. So the prefix is there twice, and three times for a URL.
enum MatchPattern {
    case string, stringOrNumber, stringNumberOrBoolean, number, boolean, array, object
    /// An absolute URL.
    case url
    /// An absolute or a relative URL.
    case partialURL

    /// The error for the first of `keys` with a wrong value; nil if there is none. A missing or null value passes.
    static func violation(of keys: KeyValuePairs<String, MatchPattern>, in object: JSONValue) -> String? {
        for (key, pattern) in keys {
            guard let value = object[key], value != .null, let error = pattern.error(for: value) else { continue }
            switch error {
            case .mismatch(let text): return "Match error: Match error: \(text) in field \(key)"
            case .address: return "Invalid href value provided"
            }
        }
        return nil
    }

    private enum Failure {
        case mismatch(String)
        case address
    }

    private func error(for value: JSONValue) -> Failure? {
        switch (self, value) {
        case (.string, .string), (.number, .number), (.boolean, .bool), (.array, .array), (.object, .object): nil
        case (.stringOrNumber, .string), (.stringOrNumber, .number): nil
        case (.stringNumberOrBoolean, .string), (.stringNumberOrBoolean, .number), (.stringNumberOrBoolean, .bool): nil
        case (.url, .string(let text)): Self.isURL(text) ? nil : .address
        case (.partialURL, .string(let text)): Self.isURL(text) || Self.isRelativeURL(text) ? nil : .address
        case (.url, _), (.partialURL, _): .mismatch("Match error: Expected string, got \(value.typeName)")
        case (.array, _): .mismatch("Expected array, got \(String(decoding: value.bytes, as: UTF8.self))")
        case (.object, .array): .mismatch("Expected plain object")
        case (.stringOrNumber, _), (.stringNumberOrBoolean, _):
            .mismatch("Failed Match.OneOf, Match.Maybe or Match.Optional validation")
        case (.string, _): .mismatch("Expected string, got \(value.typeName)")
        case (.number, _): .mismatch("Expected number, got \(value.typeName)")
        case (.boolean, _): .mismatch("Expected boolean, got \(value.typeName)")
        case (.object, _): .mismatch("Expected object, got \(value.typeName)")
        }
    }

    /// Accepts lower-case schemes only, and refuses the empty string (issue #24099).
    private static func isURL(_ text: String) -> Bool {
        ["http://", "https://", "data:", "/file-upload/"].contains { text.hasPrefix($0) }
    }

    private static func isRelativeURL(_ text: String) -> Bool {
        text.hasPrefix("/")
    }
}
