/// What Rocket.Chat's message parser makes of a message's `text` (docs/rocketchat.md section 3.7 A): everything in it
/// that is not plain.
///
/// Tests use it to prove that a message contains no unintended markup. In cases of doubt it reports too much rather
/// than too little. It has no list of top-level domains: it does not find bare domains, e-mail addresses, telephone
/// numbers or emoticons.
enum Markup: Equatable, Sendable {
    case bold(String)
    case italic(String)
    case strike(String)
    case code(String)
    case fence(String)
    case link(label: String, url: String)
    /// A bare URL in the text.
    case url(String)
    case mention(String)
    case channel(String)
    /// KaTeX.
    case math(String)
    case emoji(String)
    case color(String)
    case timestamp(String)
    case spoiler(String)
    case heading(String)
    case quote(String)
    case listItem(String)

    /// All markup of a text in order; nested elements follow the outer one.
    static func elements(in text: String, profile: ServerProfile = .h80) -> [Markup] {
        var elements: [Markup] = []
        var paragraph: [Substring] = []
        func endParagraph() {
            elements += MarkupScanner.elements(in: paragraph.joined(separator: "\n"), profile: profile)
            paragraph = []
        }
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false)[...]
        while let line = lines.popFirst() {
            if let (content, rest) = fence(line, lines, profile) {
                endParagraph()
                elements.append(.fence(content))
                lines = rest
            } else if let (block, content) = block(line) {
                endParagraph()
                elements.append(block)
                elements += MarkupScanner.elements(in: String(content), profile: profile)
            } else {
                paragraph.append(line)
            }
        }
        endParagraph()
        return elements
    }

    /// Parses a code fence: an opening line, content and a closing line. Version 8 closes an open fence at the end.
    private static func fence(
        _ line: Substring, _ lines: ArraySlice<Substring>, _ profile: ServerProfile
    ) -> (content: String, rest: ArraySlice<Substring>)? {
        guard line.hasPrefix("```"),
            line.dropFirst(3).allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || " _.-".contains($0)) })
        else { return nil }
        guard let end = lines.firstIndex(of: "```") else {
            let closesItself = profile.closesFences && !lines.isEmpty
            return closesItself ? (lines.joined(separator: "\n"), []) : nil
        }
        let content = lines[..<end].joined(separator: "\n")
        return content.isEmpty ? nil : (content, lines[(end + 1)...])
    }

    private static func block(_ line: Substring) -> (Markup, Substring)? {
        let hashes = line.prefix { $0 == "#" }.count
        if (1...4).contains(hashes), line.dropFirst(hashes).first == " " {
            let content = line.dropFirst(hashes + 1)
            return (.heading(String(content)), content)
        }
        if line.hasPrefix(">") { return (.quote(String(line.dropFirst())), line.dropFirst()) }
        let digits = line.prefix { $0.isASCII && $0.isNumber }.count
        let isOrdered = digits > 0 && line.dropFirst(digits).hasPrefix(". ")
        guard isOrdered || line.hasPrefix("- ") || line.hasPrefix("* ") else { return nil }
        let content = line.dropFirst(digits + 2)
        return (.listItem(String(content)), content)
    }
}
