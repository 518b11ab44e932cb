import DeliveryCore

/// Descriptions of events and actions for the trace.
extension World {
    func describe(_ event: Event) -> String { Self.short("\(event)") }
    func describe(_ action: Action) -> String { Self.short("\(action)") }

    private static func short(_ text: String) -> String {
        var text = text
        let noise = [
            "DeliveryCore.", "EntryID(rawValue: ", "QueueID(index: ", "HookID(index: ", "Interval(nanoseconds: ",
            "Instant(nanoseconds: ", "PendingEntry(",
        ]
        for word in noise { text.replace(word, with: word.hasSuffix("(") || word.hasSuffix(": ") ? "(" : "") }
        return text
    }
}
