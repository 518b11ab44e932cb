/// Plain-text output of messages for a terminal, similar to their display in the room.
enum Transcript {
    static func text(of recorded: RecordedMessage) -> String {
        guard let entry = try? JSONParser.parse(recorded.json) else { return "" }
        return text(of: entry)
    }

    static func text(of entry: JSONValue) -> String {
        var lines = [headline(entry)]
        let text = entry["text"]?.stringValue ?? ""
        lines += indented(text.isEmpty ? "(no text)" : text, by: "  ")
        for attachment in HookMessage(entry["body"] ?? .null).keptAttachments { lines += block(attachment) }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func headline(_ entry: JSONValue) -> String {
        var parts = ["#\(string(entry["room"]))"]
        parts.append(Clock.time(milliseconds: entry["receivedAt"]?.intValue ?? 0))
        parts += [entry["emoji"], entry["alias"]].map(string).filter { !$0.isEmpty }
        if entry["visible"] == .bool(false) { parts.append("(hidden: the thread's parent is unknown)") }
        return parts.joined(separator: "  ")
    }

    private static func block(_ attachment: JSONValue) -> [String] {
        let title = [string(attachment["title"]), linked(attachment["title_link"])].filter { !$0.isEmpty }
        let color = attachment["color"]?.stringValue.map { "[\(ColorName.of($0))]" }
        var lines = ["  ┃ " + ([color].compactMap { $0 } + title).joined(separator: " ")]
        for key in ["pretext", "text"] {
            let text = string(attachment[key])
            if !text.isEmpty { lines += indented(text, by: "  ┃ ") }
        }
        for field in attachment["fields"]?.elements ?? [] {
            let value = indented(string(field["value"]), by: "  ┃     ")
            lines +=
                value.count == 1
                ? ["  ┃   \(string(field["title"])): \(string(field["value"]))"]
                : ["  ┃   \(string(field["title"])):"] + value
        }
        return lines
    }

    private static func string(_ value: JSONValue?) -> String {
        value.map { $0 == .null ? "" : $0.coercedToString } ?? ""
    }

    private static func linked(_ value: JSONValue?) -> String {
        let url = string(value)
        return url.isEmpty ? "" : "<\(url)>"
    }

    private static func indented(_ text: String, by indent: String) -> [String] {
        text.split(separator: "\n", omittingEmptySubsequences: false).map { indent + $0 }
    }
}
