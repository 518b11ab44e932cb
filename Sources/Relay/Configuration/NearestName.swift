/// Finds the known name that an unknown one was most likely meant to be.
enum NearestName {
    /// The nearest of `known`, or nil if none is near: fewer than a third of the letters differ, at least two.
    static func close(to name: String, among known: [String]) -> String? {
        let best = known.map { (distance($0, name), $0) }.min { $0 < $1 }
        guard let best, best.0 <= max(2, name.count / 3) else { return nil }
        return best.1
    }

    /// The nearest of `known` however far it is; nil only if `known` is empty.
    ///
    /// Names are compared word by word first, since people leave words out or swap them more often than they mistype
    /// most of a name: `RELAY_TOKEN` is `RELAY_AUTH_TOKEN` and not `RELAY_LISTEN`.
    static func best(for name: String, among known: [String]) -> String? {
        if let typo = known.min(by: { (distance($0, name), $0) < (distance($1, name), $1) }), distance(typo, name) <= 2
        {
            return typo
        }
        let wanted = words(of: name)
        func rank(_ candidate: String) -> (Int, Int, String) {
            let words = words(of: candidate)
            let shared = wanted.count { word in words.contains { distance($0, word) <= (word.count > 3 ? 1 : 0) } }
            return (-shared, distance(candidate, name), candidate)
        }
        return known.min { rank($0) < rank($1) }
    }

    /// Without the program's own names, which say nothing.
    private static func words(of name: String) -> [Substring] {
        name.split(separator: "_").filter { !["RELAY", "ROCKETCHAT", "FILE"].contains($0) }
    }

    /// How many letters must be changed, added or left out (Levenshtein).
    private static func distance(_ left: some StringProtocol, _ right: some StringProtocol) -> Int {
        let (left, right) = (Array(left.utf8), Array(right.utf8))
        var row = Array(0...right.count)
        for (index, byte) in left.enumerated() {
            var diagonal = row[0]
            row[0] = index + 1
            for column in right.indices {
                let change = diagonal + (byte == right[column] ? 0 : 1)
                diagonal = row[column + 1]
                row[column + 1] = min(change, min(row[column], diagonal) + 1)
            }
        }
        return row[right.count]
    }
}
