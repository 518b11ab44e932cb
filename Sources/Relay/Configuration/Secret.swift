/// A text that must not be seen: prints as `<secret>` however it is printed, dumped or reflected.
struct Secret: Sendable, Hashable {
    /// The text itself. Whoever reads it answers for where it goes: never into a log, an error or a metric.
    let revealed: String

    init(_ text: String) {
        revealed = text
    }
}

extension Secret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    var description: String { "<secret>" }
    var debugDescription: String { description }
    var customMirror: Mirror { Mirror(self, children: []) }
}
