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

    /// A label that an alert does not have is an empty one. A pattern that gives up on a value is not met, negated or not.
    func matches(_ labels: Labels) -> Bool {
        let value = labels[name] ?? ""
        return switch condition {
        case .equal(let wanted): value == wanted
        case .notEqual(let unwanted): value != unwanted
        case .matching(let pattern): pattern.matches(value) == true
        case .notMatching(let pattern): pattern.matches(value) == false
        }
    }
}

extension LabelMatcher: CustomStringConvertible {
    var description: String {
        switch condition {
        case .equal(let value): "\(name)=\(Self.quoted(value))"
        case .notEqual(let value): "\(name)!=\(Self.quoted(value))"
        case .matching(let pattern): "\(name)=~\(Self.quoted(pattern.text))"
        case .notMatching(let pattern): "\(name)!~\(Self.quoted(pattern.text))"
        }
    }

    private static func quoted(_ text: String) -> String {
        let escaped = text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
        return "\"\(escaped)\""
    }
}
