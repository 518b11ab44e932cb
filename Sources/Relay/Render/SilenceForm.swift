/// The address of Alertmanager's form for a new silence, filled with the matchers of one alert.
enum SilenceForm {
    /// What Alertmanager's page ends a matcher's name at (ui/app/src/Utils/Filter.elm); such a name cannot be
    /// written, and one matcher less would silence more than the alert.
    private static let reserved = Set("{}!=~,\\\"'` \t\n\u{0B}\u{0C}\r\u{85}\u{A0}".unicodeScalars)

    /// Nil when `base` is no safe URL, a label's name cannot be written, or it gets too long.
    static func url(base: String, labels: Labels, limit: Int) -> String? {
        let pairs = labels.pairs.filter { !$0.value.isEmpty }
        guard !pairs.isEmpty, let base = SafeURL(base, limit: limit)?.string else { return nil }
        guard pairs.allSatisfy({ isWritable($0.name) }) else { return nil }
        let url = page(base) + "/#/silences/new?filter=" + SafeURL.encodedComponent(filter(pairs))
        return url.utf8.count <= limit ? url : nil
    }

    /// `{alertname="X",instance="a\"b"}`: the page reads each value as a JSON string.
    private static func filter(_ pairs: [Labels.Pair]) -> [UInt8] {
        var filter = Array("{".utf8)
        for pair in pairs {
            if filter.count > 1 { filter.append(UInt8(ascii: ",")) }
            var value = JSONWriter()
            value.string(pair.value)
            filter += Array(pair.name.utf8) + Array("=".utf8) + value.bytes
        }
        return filter + Array("}".utf8)
    }

    private static func isWritable(_ name: String) -> Bool {
        !name.isEmpty && !name.unicodeScalars.contains(where: reserved.contains)
    }

    /// The base without query, fragment and closing slashes.
    private static func page(_ base: String) -> Substring {
        var page = base.prefix { $0 != "?" && $0 != "#" }
        while page.last == "/" { page.removeLast() }
        return page
    }
}
