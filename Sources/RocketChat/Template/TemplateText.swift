import Alerts
import Support

/// Joins the parts of a template's result: the template's own text as it is, each value escaped for its place.
///
/// A value is judged with the text that touches it, because neither could be live alone: the label `all` after `@`, or
/// `8` before `)`. In inline code and links a value cannot end the construct, and a link's target is a safe URL.
struct TemplateText {
    enum Unit {
        case scalar(Unicode.Scalar)
        case value(String, mayBeMarkdown: Bool)

        var value: String? {
            if case .value(let value, _) = self { value } else { nil }
        }

        /// Nil for a value.
        var scalar: Unicode.Scalar? {
            if case .scalar(let scalar) = self { scalar } else { nil }
        }
    }

    private let part: MarkupPart
    private let annotations: AnnotationMarkup
    private let limit: Int
    private let valueLimit: Int
    private var output: [Unicode.Scalar] = []
    /// Where the last line begins.
    private var line = 0
    private var isFenced = false

    /// The most characters behind a value that it is judged with.
    private static let reach = 100

    /// The result without white space at its ends; nil if it has more than `limit` UTF-16 units.
    static func join(
        _ pieces: [TemplatePiece], at place: TemplatePlace, annotations: AnnotationMarkup, limit: Int
    ) -> String? {
        let text: String?
        switch place {
        case .text: text = joined(pieces, in: .text, annotations, limit: limit, valueLimit: 500)
        case .body: text = joined(pieces, in: .attachment, annotations, limit: limit, valueLimit: 1_500)
        case .fieldValue: text = joined(pieces, in: .attachment, annotations, limit: limit, valueLimit: 500)
        case .title: text = line(pieces) { Escape.title($0, limit: 160).string }
        case .fieldTitle: text = line(pieces) { Escape.fieldTitle($0, limit: 80).string }
        case .color: text = line(pieces) { $0 }
        }
        guard let text = text?.trimmed, text.utf16.count <= limit else { return nil }
        return text
    }

    private static func line(_ pieces: [TemplatePiece], _ escape: (String) -> String) -> String {
        merged(pieces).map { piece in
            switch piece {
            case .literal(let text): text.replacing("\n", with: " ")
            case .value(let text, _): escape(text)
            }
        }.joined()
    }

    private static func joined(
        _ pieces: [TemplatePiece], in part: MarkupPart, _ annotations: AnnotationMarkup, limit: Int, valueLimit: Int
    ) -> String? {
        var text = TemplateText(part: part, annotations: annotations, limit: limit, valueLimit: valueLimit)
        let units = merged(pieces).flatMap { piece -> [Unit] in
            switch piece {
            case .literal(let text): text.unicodeScalars.filter { $0 != "\r" }.map { .scalar($0) }
            case .value(let text, let mayBeMarkdown): [.value(text, mayBeMarkdown: mayBeMarkdown)]
            }
        }
        let lines = units.split(omittingEmptySubsequences: false) { if case .scalar("\n") = $0 { true } else { false } }
        for (number, line) in lines.enumerated() {
            if number > 0 { text.write(["\n"]) }
            text.append(line)
            // A template can name values without end.
            if text.output.count > limit { return nil }
        }
        return String(String.UnicodeScalarView(text.output))
    }

    /// Values side by side are one: two spans of code that touch are none.
    private static func merged(_ pieces: [TemplatePiece]) -> [TemplatePiece] {
        pieces.filter { $0 != .literal("") }.reduce(into: []) { merged, piece in
            guard case .value(let before, _)? = merged.last, case .value(let text, _) = piece else {
                return merged.append(piece)
            }
            merged[merged.count - 1] = .value(before + text, mayBeMarkdown: false)
        }
    }

    private init(part: MarkupPart, annotations: AnnotationMarkup, limit: Int, valueLimit: Int) {
        (self.part, self.annotations, self.limit, self.valueLimit) = (part, annotations, limit, valueLimit)
    }

    private mutating func write(_ scalars: some Sequence<Unicode.Scalar>) {
        for scalar in scalars {
            output.append(scalar)
            if scalar == "\n" { line = output.count }
        }
    }

    // MARK: Lines

    private mutating func append(_ units: ArraySlice<Unit>) {
        let content = units.drop { $0.scalar == " " }
        if content.count >= 3, content.prefix(3).allSatisfy({ $0.scalar == "`" }) {
            isFenced.toggle()
            return appendCode(units)
        }
        if isFenced { return appendCode(units) }
        var index = units.startIndex
        // Stops within a line, because a template can name values without end.
        while index < units.endIndex, output.count <= limit {
            switch units[index] {
            case .value(let value, let mayBeMarkdown):
                write(escaped(value, mayBeMarkdown, rest: units[(index + 1)...]))
            case .scalar("`"):
                index = appendSpan(units, at: index)
                continue
            case .scalar("["):
                if let end = appendLink(units, at: index) {
                    index = end
                    continue
                }
                // A link's end in a later value would make the text from here on its label.
                let isLabel = units[(index + 1)...].contains { $0.value?.contains("](") == true }
                write([isLabel ? "\u{FF3B}" : "["])
            case .scalar("\\") where Self.escapes(units[(index + 1)...].first):
                // It would escape the code that makes a value plain.
                write(["\u{2216}"])
            case .scalar(let scalar): write([scalar])
            }
            index += 1
        }
    }

    /// Whether a backslash before this unit would reach into a value, or open a span of code that does not end.
    private static func escapes(_ next: Unit?) -> Bool {
        switch next {
        case .value, .scalar("`"), .scalar("["): true
        default: false
        }
    }

    /// Inline code from a backtick on. Returns the index behind it.
    private mutating func appendSpan(_ units: ArraySlice<Unit>, at start: Int) -> Int {
        let length = units[start...].prefix { $0.scalar == "`" }.count
        var end = start + length
        while end < units.endIndex {
            let run = units[end...].prefix { $0.scalar == "`" }.count
            if run == length {
                appendCode(units[start..<(end + run)])
                return end + run
            }
            end += max(1, run)
        }
        // Alone it would pair with the backticks of a value.
        write(Array(repeating: "\u{02CB}", count: length))
        return start + length
    }

    private mutating func appendCode(_ units: ArraySlice<Unit>) {
        for unit in units {
            switch unit {
            case .scalar(let scalar): write([scalar])
            case .value(let value, _): write(inCode(value))
            }
        }
    }

    // MARK: Values

    /// A value in code of the template, with similar characters for those that end code or that clients change in it.
    private func inCode(_ value: String) -> [Unicode.Scalar] {
        let words = SanitizedText(value, keepsLines: false, limit: valueLimit).scalars.split(
            separator: " ", omittingEmptySubsequences: false)
        return Array(
            words.map { word -> [Unicode.Scalar] in
                let isEmoji = word.hasEmoticon || word.indices.contains { word.endsEmoji(at: $0) }
                return word.indices.map { index in
                    switch word[index] {
                    case "&": "\u{FF06}"
                    case "`", "<", ">", "@", "#": word.lookAlike(at: index)
                    default: isEmoji ? word.lookAlike(at: index) : word[index]
                    }
                }
            }.joined(separator: [" "]))
    }

    private func escaped(_ raw: String, _ mayBeMarkdown: Bool, rest: ArraySlice<Unit>) -> [Unicode.Scalar] {
        let line = output[line...]
        let before = Array(line.suffix(Self.reach).reversed().prefix { $0 != " " && $0 != "\t" }.reversed())
        let after = Self.touching(rest)
        let startsLine = !line.prefix(Self.reach).contains { $0.isLetter || $0.value > 0x7F }
        if mayBeMarkdown, annotations == .markdown, part == .attachment, line.isEmpty, rest.isEmpty {
            return Array(TrustedMarkdown.attachment(raw, limit: valueLimit).string.unicodeScalars)
        }
        let clean = SanitizedText(raw, keepsLines: part == .attachment, limit: valueLimit)
        if isLive(clean.scalars, before, after, startsLine: startsLine) {
            return asCode(clean, startsLine: startsLine)
        }
        return Array(
            Escape.templated(raw, in: part, limit: valueLimit, startsLine: startsLine).string.unicodeScalars)
    }

    /// The characters behind a value up to the next space. Other values count as they are.
    private static func touching(_ rest: ArraySlice<Unit>) -> [Unicode.Scalar] {
        var scalars: [Unicode.Scalar] = []
        for unit in rest where scalars.count < reach {
            switch unit {
            case .scalar(let scalar) where scalar == " " || scalar == "\t": return scalars
            case .scalar(let scalar): scalars.append(scalar)
            case .value(let value, _):
                let word = SanitizedText(value, keepsLines: false, limit: reach).scalars.prefix { $0 != " " }
                scalars += word
                if word.count < value.unicodeScalars.count { return scalars }
            }
        }
        return scalars
    }

    /// Whether a value becomes live by the text that touches it.
    private func isLive(
        _ value: [Unicode.Scalar], _ before: [Unicode.Scalar], _ after: [Unicode.Scalar], startsLine: Bool
    ) -> Bool {
        let words = value.split { $0 == " " || $0 == "\n" }
        guard let first = words.first, let last = words.last, !before.isEmpty || !after.isEmpty else { return false }
        // Marks of emphasis around a value are wanted, if the value cannot end them.
        let (start, end) = (before.filter { !Self.isEmphasis($0) }, after.filter { !Self.isEmphasis($0) })
        if start.count < before.count || end.count < after.count {
            let isPlain = value.allSatisfy { !Self.isEmphasis($0) && $0 != "\n" && $0 != "\\" }
            guard isPlain, value.first?.isWordEdge == true, value.last?.isWordEdge == true else { return true }
        }
        // A live word becomes code without the marks at its ends, which the other text could touch.
        if isLive(Array(first), startsLine: startsLine) || isLive(Array(last), startsLine: false) { return true }
        if words.count == 1 { return isLive(start + first + end, startsLine: startsLine) }
        return isLive(start + first, startsLine: startsLine) || isLive(last + end, startsLine: false)
    }

    private static func isEmphasis(_ scalar: Unicode.Scalar) -> Bool { scalar == "*" || scalar == "_" || scalar == "~" }

    private func isLive(_ scalars: [Unicode.Scalar], startsLine: Bool) -> Bool {
        [true, false].contains { endsLine in
            let word = Word(scalars[...], in: part, startsLine: startsLine, endsLine: endsLine)
            return word.isLive || word.isBullet || word.isListNumber
        }
    }

    /// Each word in code, marks at its ends included.
    private func asCode(_ value: SanitizedText, startsLine: Bool) -> [Unicode.Scalar] {
        let code = InlineCode(part: part)
        let lines = value.scalars.split(separator: "\n").enumerated().map { number, line in
            line.split(separator: " ").enumerated().map { index, word in
                code.escaped(word, startsLine: index == 0 && (number > 0 || startsLine))
            }.joined(separator: [" "])
        }
        return Array(lines.joined(separator: ["\n"])) + (value.isCut ? ["…"] : [])
    }

    // MARK: Links

    /// `[label](target)` with a value in it. Returns the index behind it, or nil if there is none. Without a safe target
    /// the label alone is written.
    private mutating func appendLink(_ units: ArraySlice<Unit>, at start: Int) -> Int? {
        let rest = units[(start + 1)...]
        guard let middle = rest.firstIndex(where: { ["]", "["].contains($0.scalar) }),
            middle + 1 < units.endIndex,
            units[middle].scalar == "]", units[middle + 1].scalar == "(",
            let end = Self.closing(units, after: middle + 1)
        else { return nil }
        let (label, target) = (units[(start + 1)..<middle], units[(middle + 2)..<end])
        // A target can be empty because its value is.
        guard target.isEmpty || (Array(label) + target).contains(where: { $0.scalar == nil }) else { return nil }
        if let link = TemplateLink.markup(label, target) {
            write(link.unicodeScalars)
        } else {
            append(label)
        }
        return end + 1
    }

    private static func closing(_ units: ArraySlice<Unit>, after open: Int) -> Int? {
        var depth = 0
        for index in units[open...].prefix(TemplateLink.urlLimit).indices {
            switch units[index].scalar {
            case "(": depth += 1
            case ")": depth -= 1
            case " ", "\t": return nil
            default: break
            }
            if depth == 0 { return index }
        }
        return nil
    }
}

extension Unicode.Scalar {
    /// Whether emphasis can begin before it and end behind it.
    fileprivate var isWordEdge: Bool { isLetterOrDigit || properties.isAlphabetic }
}
