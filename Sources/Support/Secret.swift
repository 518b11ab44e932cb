/// A text that must not be seen: prints as `<secret>` however it is printed, dumped or reflected.
package struct Secret: Sendable, Hashable {
    /// The text itself. Whoever reads it answers for where it goes: never into a log, an error or a metric.
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
