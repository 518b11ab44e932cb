import Support

/// Decides whether a text is the address of a host, as the library `tldts` does for Rocket.Chat.
enum LinkTarget {
    /// The address of an automatic link; nil if the text stays plain.
    static func address(of source: String, linksIPAddresses: Bool) -> String? {
        guard let host = host(in: source) else { return nil }
        let isLinked =
            hasTopLevelDomain(host) || host == "localhost" || host.hasSuffix(".localhost")
            || (linksIPAddresses && isIPAddress(host))
        guard isLinked else { return nil }
        return hasScheme(source) || source.hasPrefix("//") ? source : "//" + source
    }

    /// Whether a mail address is linked.
    static func isMailAddress(_ source: String) -> Bool {
        host(in: "mailto:" + source).map(hasTopLevelDomain) ?? false
    }

    /// Whether a browser reads the text as an absolute URL.
    private static func hasScheme(_ source: String) -> Bool {
        guard let colon = source.firstIndex(of: ":") else { return false }
        let scheme = source[..<colon].unicodeScalars
        guard scheme.first?.isLetter == true else { return false }
        return scheme.allSatisfy { $0.isLetterOrDigit || "+.-".unicodeScalars.contains($0) }
    }

    private static func hasTopLevelDomain(_ host: String) -> Bool {
        guard let dot = host.lastIndex(of: ".") else { return TopLevelDomains.contains(host) }
        return TopLevelDomains.contains(host[host.index(after: dot)...])
    }

    private static func isIPAddress(_ host: String) -> Bool {
        let digits = host.allSatisfy { $0 == "." || ("0"..."9").contains($0) }
        if digits, (7...15).contains(host.utf8.count) {
            return host.filter { $0 == "." }.count == 3 && !host.hasPrefix(".") && !host.hasSuffix(".")
        }
        return (3...39).contains(host.utf8.count) && host.contains(":")
            && host.utf16.allSatisfy { $0.isHexDigit || $0 == UInt16(ascii: ":") }
    }

    // MARK: The host

    /// The host of a URL or a name, in lower case; nil if it is invalid.
    private static func host(in source: String) -> String? {
        var rest = Array(source.utf16)[...]
        if rest.starts(with: "data:".utf16) { return nil }
        if rest.starts(with: "//".utf16) {
            rest = rest.dropFirst(2)
        } else if let scheme = schemeEnd(rest) {
            guard rest[..<scheme].allSatisfy({ $0.isASCIIAlphanumeric || ".-+".utf16.contains($0) }) else { return nil }
            rest = rest[(scheme + 2)...].drop { $0 == UInt16(ascii: "/") }
        }
        if let end = rest.firstIndex(where: { "#/?".utf16.contains($0) }) { rest = rest[..<end] }
        if let at = rest.lastIndex(of: UInt16(ascii: "@")), at > rest.startIndex { rest = rest[(at + 1)...] }
        if rest.first == UInt16(ascii: "[") {
            return rest.lastIndex(of: UInt16(ascii: "]")).map {
                String(decoding: rest[..<$0].dropFirst(), as: UTF16.self)
            }
        }
        if let port = rest.lastIndex(of: UInt16(ascii: ":")), port > rest.startIndex { rest = rest[..<port] }
        while rest.count > 1, rest.last == UInt16(ascii: ".") { rest = rest.dropLast() }
        let host = Array(String(decoding: rest, as: UTF16.self).lowercased().utf16)
        return isValid(host) ? String(decoding: host, as: UTF16.self) : nil
    }

    /// The index of the first `:/`.
    private static func schemeEnd(_ units: ArraySlice<UInt16>) -> Int? {
        units.indices.first {
            units[$0] == UInt16(ascii: ":") && units.index(after: $0) < units.endIndex
                && units[$0 + 1] == UInt16(ascii: "/")
        }
    }

    /// Whether labels have 63 characters at most, no forbidden ones, and do not end in a dash.
    private static func isValid(_ host: [UInt16]) -> Bool {
        guard (1...255).contains(host.count) else { return false }
        guard isLabelPart(host[0]) || host[0] == UInt16(ascii: ".") || host[0] == UInt16(ascii: "_") else {
            return false
        }
        let labels = host.split(separator: UInt16(ascii: "."), omittingEmptySubsequences: false)
        for (index, label) in labels.enumerated() {
            let isLast = index == labels.count - 1
            if label.count > 63 || (label.isEmpty && index > 0) { return false }
            if label.last == UInt16(ascii: "-") || (!isLast && label.last == UInt16(ascii: "_")) { return false }
            if !label.allSatisfy({ isLabelPart($0) || $0 == UInt16(ascii: "-") || $0 == UInt16(ascii: "_") }) {
                return false
            }
        }
        return true
    }

    private static func isLabelPart(_ unit: UInt16) -> Bool {
        unit.isASCIIAlphanumeric || unit > 0x7F
    }
}
