/// A condition on one label, as in an Alertmanager route: `team="db"`, `service=~"pg|mysql"`, `env!=dev`, `host!~"test.*"`.
struct LabelMatcher: Sendable, Hashable {
    enum Condition: Sendable, Hashable {
        case equal(String)
        case notEqual(String)
        case matching(LabelPattern)
        case notMatching(LabelPattern)
    }

    var name: String
    var condition: Condition

    func matches(_ labels: Labels) -> Bool { matches(in: labels) }

    func matches(in labels: some LabelSource) -> Bool {
        labels.withValue(of: name) { matches(value: $0) }
    }

    /// Compares bytes, as Alertmanager does. A pattern that gives up on a value is not met, negated or not.
    ///
    /// - Parameter value: UTF-8; empty for a label that the alert does not have.
    func matches(value: UnsafeRawBufferPointer) -> Bool {
        switch condition {
        case .equal(let wanted): wanted.utf8.elementsEqual(value)
        case .notEqual(let unwanted): !unwanted.utf8.elementsEqual(value)
        case .matching(let pattern): pattern.matches(value) == true
        case .notMatching(let pattern): pattern.matches(value) == false
        }
    }
}

/// The labels of one alert, in whatever form they are held.
protocol LabelSource {
    /// Calls `body` with the bytes of a label's value, valid during the call; none if there is no such label.
    func withValue<Result>(of name: String, _ body: (UnsafeRawBufferPointer) -> Result) -> Result
}

extension Labels: LabelSource {
    func withValue<Result>(of name: String, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        var value = pairs.first { $0.name.utf8.elementsEqual(name.utf8) }?.value ?? ""
        return value.withUTF8 { body(UnsafeRawBufferPointer($0)) }
    }
}

extension LabelMatcher: CustomStringConvertible {
    /// Reads back to the same matcher.
    var description: String {
        switch condition {
        case .equal(let value): "\(writtenName)=\(Self.quoted(value))"
        case .notEqual(let value): "\(writtenName)!=\(Self.quoted(value))"
        case .matching(let pattern): "\(writtenName)=~\(Self.quoted(pattern.text))"
        case .notMatching(let pattern): "\(writtenName)!~\(Self.quoted(pattern.text))"
        }
    }

    private var writtenName: String {
        Self.isLabelName(name) ? name : Self.quoted(name)
    }

    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\", "\"": result.unicodeScalars.append(contentsOf: ["\\", scalar])
            case "\n": result += "\\n"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
