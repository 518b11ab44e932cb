/// A secret text, such as a password or token. It prints as `<secret>` in interpolation, `dump` and reflection.
package struct Secret: Sendable, Hashable {
    /// The secret text. Callers must not write it to a log, an error or a metric.
    package let revealed: String

    package init(_ text: String) {
        revealed = text
    }
}

extension Secret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "<secret>" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
