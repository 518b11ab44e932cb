extension [String] {
    /// Each value once, in the order of first appearance.
    var distinct: [String] {
        var seen: Set<String> = []
        return filter { seen.insert($0).inserted }
    }
}
