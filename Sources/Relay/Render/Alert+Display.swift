/// What a message calls an alert and says of it: the raw values, to be escaped for the place they go to.
extension Alert {
    /// The alert's name; without one its summary or its labels, so that every alert can be told from others.
    var displayName: String {
        if let name = labels.visible("alertname") { return name }
        return summary ?? labelList ?? "Alert without a name"
    }

    /// One line on what is wrong.
    var summary: String? {
        ["summary", "title", "message", "description"].lazy.compactMap { annotations.visible($0) }.first
    }

    /// The longer text, unless the summary says it already.
    var details: String? {
        ["description", "message"].lazy.compactMap { annotations.visible($0) }.first { $0 != summary }
    }

    /// The annotations that have no place of their own in a message.
    var otherAnnotations: [Labels.Pair] {
        annotations.pairs.filter { pair in
            pair.value != summary && pair.value != details && !Escape.isBlank(pair.value)
                && AlertLinks.label(ofAnnotation: pair.name, value: pair.value) == nil
        }
    }

    private var labelList: String? {
        let pairs = labels.pairs.filter { $0.name != "severity" && !Escape.isBlank($0.value) }.prefix(4)
        return pairs.isEmpty ? nil : pairs.map { "\($0.name)=\($0.value)" }.joined(separator: ", ")
    }
}

extension Labels {
    /// The value, if a person could see it.
    func visible(_ name: String) -> String? {
        self[name].flatMap { Escape.isBlank($0) ? nil : $0 }
    }
}
