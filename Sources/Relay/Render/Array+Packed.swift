extension Array {
    /// The elements in their order, in parts as full as `room` and `most` allow; an element larger than the room has a
    /// part of its own.
    func packed(room: Int, most: Int = .max, size: (Element) -> Int) -> [[Element]] {
        var parts: [[Element]] = []
        var used = 0
        for element in self {
            let more = size(element)
            if let last = parts.indices.last, parts[last].count < most, used + more <= room {
                parts[last].append(element)
                used += more
            } else {
                parts.append([element])
                used = more
            }
        }
        return parts
    }
}
