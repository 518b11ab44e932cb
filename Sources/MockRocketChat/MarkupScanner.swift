/// Finds the markup within one paragraph.
struct MarkupScanner {
    private let text: [Unicode.Scalar]
    private let profile: ServerProfile
    /// Whether a backslash escapes. It does not inside bold, italic, strike and labels.
    private let hasEscapes: Bool
    private var position = 0
    private var elements: [Markup] = []

    static func elements(in text: String, profile: ServerProfile, hasEscapes: Bool = true) -> [Markup] {
        var scanner = MarkupScanner(text: Array(text.unicodeScalars), profile: profile, hasEscapes: hasEscapes)
        while scanner.position < scanner.text.count { scanner.step() }
        return scanner.elements
    }

    private init(text: [Unicode.Scalar], profile: ServerProfile, hasEscapes: Bool) {
        self.text = text
        self.profile = profile
        self.hasEscapes = hasEscapes
    }

    private mutating func step() {
        switch text[position] {
        case "`": code()
        case "\\": backslash()
        case "[": link()
        case "<": angle()
        case "*": emphasis("*", isIntraword: true) { .bold($0) }
        case "_": emphasis("_", isIntraword: false) { .italic($0) }
        case "~": emphasis("~", isIntraword: true) { .strike($0) }
        case "|": spoiler()
        case "@": name { .mention($0) }
        case "#": name { .channel($0) }
        case ":": emoji()
        case "c": color()
        case "h": bareURL()
        default: position += 1
        }
    }

    /// Adds one element and continues after it.
    private mutating func found(_ element: Markup, inner: String? = nil, end: Int) {
        elements.append(element)
        if let inner { elements += Self.elements(in: inner, profile: profile, hasEscapes: false) }
        position = end
    }

    // MARK: Spans

    private mutating func code() {
        guard let end = index(of: "`", from: position + 1, onLine: true), end > position + 1 else {
            position += 1
            return
        }
        found(.code(string(position + 1, end)), end: end + 1)
    }

    private mutating func backslash() {
        guard let next = scalar(position + 1) else { return position += 1 }
        for (open, close) in [("(", ")"), ("[", "]")] as [(Unicode.Scalar, Unicode.Scalar)] where next == open {
            if let end = index(ofPair: "\\", close, from: position + 2), end > position + 2 {
                return found(.math(string(position + 2, end)), end: end + 2)
            }
        }
        position += hasEscapes && "*_~`#.".unicodeScalars.contains(next) ? 2 : 1
    }

    private mutating func emphasis(_ mark: Unicode.Scalar, isIntraword: Bool, _ make: (String) -> Markup) {
        let run = text[position...].prefix { $0 == mark }.count
        let previous = scalar(position - 1)
        guard isIntraword || !Self.isWord(previous) else { return position += run }
        for length in stride(from: min(run, 2), through: 1, by: -1) {
            let start = position + length
            guard let end = closing(mark, length, from: start), isIntraword || !Self.isWord(scalar(end + length))
            else { continue }
            let inner = string(start, end)
            return found(make(inner), inner: inner, end: end + length)
        }
        position += run
    }

    /// The index of the run of at least `length` marks that closes a non-empty span on the same line; nil if none does.
    private func closing(_ mark: Unicode.Scalar, _ length: Int, from start: Int) -> Int? {
        var index = start
        while let scalar = scalar(index), scalar != "\n" {
            let run = text[index...].prefix { $0 == mark }.count
            if run >= length && index > start { return index }
            index += max(run, 1)
        }
        return nil
    }

    private mutating func spoiler() {
        guard profile.hasSpoilers, scalar(position + 1) == "|",
            let end = index(ofPair: "|", "|", from: position + 2), end > position + 2
        else { return position += 1 }
        let inner = string(position + 2, end)
        found(.spoiler(inner), inner: inner, end: end + 2)
    }

    // MARK: Links

    /// The label starts at the first bracket. It may span lines and contain brackets.
    private mutating func link() {
        guard let middle = index(ofPair: "]", "(", from: position + 1), middle > position + 1,
            let end = index(of: ")", from: middle + 2, onLine: true)
        else { return position += 1 }
        let url = string(middle + 2, end)
        guard Self.isAddress(url) else { return position += 1 }
        let label = string(position + 1, middle)
        found(.link(label: label, url: url), inner: label, end: end + 1)
    }

    private mutating func angle() {
        guard let end = index(of: ">", from: position + 1, onLine: true) else { return position += 1 }
        let content = string(position + 1, end)
        if content.hasPrefix("t:") {
            return found(.timestamp(String(content.dropFirst(2))), end: end + 1)
        }
        let parts = content.split(separator: "|", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2, !parts[1].isEmpty, !parts[1].contains("<"), Self.isAddress(parts[0]) else {
            return position += 1
        }
        found(.link(label: parts[1], url: parts[0]), end: end + 1)
    }

    private mutating func bareURL() {
        guard !Self.isWord(scalar(position - 1)), ["http://", "https://"].contains(where: starts(with:)) else {
            return position += 1
        }
        let end = text[position...].firstIndex { $0.properties.isWhitespace || "<>|".unicodeScalars.contains($0) }
        found(.url(string(position, end ?? text.count)), end: end ?? text.count)
    }

    /// Whether the text has a scheme and no character that ends a link.
    private static func isAddress(_ text: String) -> Bool {
        guard let colon = text.firstIndex(of: ":"), colon > text.startIndex else { return false }
        return text[..<colon].allSatisfy { $0.isASCII && $0.isLetter } && !text.contains { " |\t".contains($0) }
    }

    // MARK: Names

    private mutating func name(_ make: (String) -> Markup) {
        let start = position + 1
        let end = text[start...].firstIndex { !Self.isWord($0) && !"-_.".unicodeScalars.contains($0) } ?? text.count
        guard end > start, !Self.isWord(scalar(position - 1)) else { return position += 1 }
        found(make(string(start, end)), end: end)
    }

    private mutating func emoji() {
        let end = text[(position + 1)...].firstIndex { !Self.isWord($0) && !"-_+".unicodeScalars.contains($0) }
        guard let end, end > position + 1, text[end] == ":" else { return position += 1 }
        found(.emoji(string(position + 1, end)), end: end + 1)
    }

    private mutating func color() {
        guard starts(with: "color:#") else { return position += 1 }
        let start = position + 7
        let end = text[start...].firstIndex { !$0.properties.isASCIIHexDigit } ?? text.count
        guard [3, 4, 6, 8].contains(end - start) else { return position += 1 }
        found(.color(string(start, end)), end: end)
    }

    // MARK: Text

    private func scalar(_ index: Int) -> Unicode.Scalar? {
        text.indices.contains(index) ? text[index] : nil
    }

    private func string(_ start: Int, _ end: Int) -> String {
        String(String.UnicodeScalarView(text[start..<end]))
    }

    private func starts(with prefix: String) -> Bool {
        text[position...].starts(with: prefix.unicodeScalars)
    }

    private func index(of wanted: Unicode.Scalar, from start: Int, onLine: Bool) -> Int? {
        guard start <= text.count,
            let index = text[start...].firstIndex(where: { $0 == wanted || (onLine && $0 == "\n") })
        else { return nil }
        return text[index] == wanted ? index : nil
    }

    private func index(ofPair first: Unicode.Scalar, _ second: Unicode.Scalar, from start: Int) -> Int? {
        guard start < text.count else { return nil }
        return text[start...].indices.first { text[$0] == first && scalar($0 + 1) == second }
    }

    private static func isWord(_ scalar: Unicode.Scalar?) -> Bool {
        scalar.map { $0.properties.isAlphabetic || $0.properties.numericType != nil } ?? false
    }
}
