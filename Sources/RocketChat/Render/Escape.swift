import Support

/// An untrusted text escaped for one part of a message.
struct Escaped: Sendable, Equatable {
    var string: String
    /// The text was cut at the limit and ends with an ellipsis.
    var isShortened: Bool
}

/// Escapes untrusted texts for the parts of a message (docs/rocketchat.md sections 3.4, 3.7 and 9).
///
/// Words are escaped separately. A word that some client would format, link or replace becomes inline code, from which
/// people copy it unchanged; notifications remove the backticks. No escape is a backslash or an invisible character:
/// backslashes are shown in notifications, in inline code and in words with a dot, and invisible characters break copied
/// names.
///
/// Each function limits its result to `limit` UTF-16 units. The result is safe after a space or a line break, and before
/// a space, a comma or a line break.
enum Escape {
    /// Prose in a message's `text`, on one line.
    ///
    /// - Parameter startsLine: whether nothing precedes it on its line.
    static func text(_ raw: String, limit: Int, startsLine: Bool = true) -> Escaped {
        prose(raw, in: .text, limit: limit, continuesLine: !startsLine)
    }

    /// Prose in an attachment's `text` or a field's value, with line breaks.
    static func attachment(_ raw: String, limit: Int) -> Escaped {
        prose(raw, in: .attachment, limit: limit)
    }

    /// A host name, place or other raw value: inline code, or in an attachment plain text that no client changes.
    static func value(_ raw: String, in part: MarkupPart, limit: Int) -> Escaped {
        let clean = SanitizedText(raw, keepsLines: part == .attachment, limit: limit)
        if part == .attachment {
            var writer = ProseWriter(part: part, limit: limit, marksAllWords: false)
            let plain = writer.write(clean)
            if plain.string.unicodeScalars.elementsEqual(clean.scalars) { return plain }
        }
        let value = clean.scalars[...]
        let code = InlineCode(part: part)
        if !clean.isCut, !value.isEmpty, code.isOnePiece(value) {
            let escaped = String(scalars: code.escaped(value))
            if escaped.utf16.count <= limit { return Escaped(string: escaped, isShortened: false) }
        }
        var writer = ProseWriter(part: part, limit: limit, marksAllWords: true)
        return writer.write(clean)
    }

    /// The title of an attachment, on one line. The web client shows it unparsed, and some mobile versions parse it.
    static func title(_ raw: String, limit: Int) -> Escaped {
        lookAlikes(raw, limit: limit) { $0.lookAlikeInTitle(at: $1) }
    }

    /// The title of a field, on one line. The web client formats it and links addresses that begin with `www.`.
    static func fieldTitle(_ raw: String, limit: Int) -> Escaped {
        lookAlikes(raw, limit: limit) { $0.lookAlike(at: $1) }
    }

    /// Words of code in an attachment, each in a span of its own.
    static func code(_ raw: String) -> String {
        prose(raw, in: .attachment, limit: .max, continuesLine: true, marksAllWords: true).string
    }

    /// Prose in the middle of an attachment's line.
    static func continuation(_ raw: String) -> String {
        prose(raw, in: .attachment, limit: .max, continuesLine: true).string
    }

    /// A value in a template's text (`TemplateText`), on one line if the part is `text`.
    static func templated(_ raw: String, in part: MarkupPart, limit: Int, startsLine: Bool) -> Escaped {
        prose(raw, in: part, limit: limit, continuesLine: !startsLine)
    }

    private static func prose(
        _ raw: String, in part: MarkupPart, limit: Int, continuesLine: Bool = false, marksAllWords: Bool = false
    ) -> Escaped {
        var writer = ProseWriter(part: part, limit: limit, marksAllWords: marksAllWords, continuesLine: continuesLine)
        return writer.write(SanitizedText(raw, keepsLines: part == .attachment, limit: limit))
    }

    /// Replaces the marks of live words by similar characters.
    private static func lookAlikes(
        _ raw: String, limit: Int, _ replacement: (ArraySlice<Unicode.Scalar>, Int) -> Unicode.Scalar
    ) -> Escaped {
        let clean = SanitizedText(raw, keepsLines: false, limit: limit)
        var output = BoundedText(limit: limit)
        var start = true
        for word in clean.scalars.split(separator: " ") {
            if !start { output.append([" "]) }
            start = false
            let isLive = Word(word, in: .attachment, startsLine: false, endsLine: false).isLive || word.isWebAddress
            for index in word.indices where !output.isFull {
                let isLast = index + 1 == clean.scalars.endIndex && !clean.isCut
                output.append([isLive ? replacement(word, index) : word[index]], reserve: isLast ? 0 : 1)
            }
        }
        return output.ended(isCut: clean.isCut)
    }
}

/// A part of a message with markup of its own.
enum MarkupPart {
    /// The message's `text`, which Rocket.Chat's message parser reads (dialect A).
    case text
    /// An attachment's text or a field's value: the web client reads it with `marked`, the mobile app with the message
    /// parser (dialect B).
    case attachment
}

/// Writes prose word by word, up to a limit.
private struct ProseWriter {
    let part: MarkupPart
    /// Whether every word becomes inline code, not only live ones.
    let marksAllWords: Bool
    /// Whether other text precedes the first word on its line.
    let continuesLine: Bool
    private var output: BoundedText
    /// The space after the number of a list, which must not be an ordinary one.
    private static let noBreakSpace: Unicode.Scalar = "\u{A0}"
    private static let longestIndent = 16

    init(part: MarkupPart, limit: Int, marksAllWords: Bool, continuesLine: Bool = false) {
        self.part = part
        self.marksAllWords = marksAllWords
        self.continuesLine = continuesLine
        output = BoundedText(limit: limit)
    }

    mutating func write(_ clean: SanitizedText) -> Escaped {
        let lines = clean.scalars.split(separator: "\n", omittingEmptySubsequences: false)
        for (number, line) in lines.enumerated() where !output.isFull {
            if number > 0 { output.append(["\n"]) }
            write(
                line: line, continues: number == 0 && continuesLine, endsText: number == lines.count - 1 && !clean.isCut
            )
        }
        return output.ended(isCut: clean.isCut)
    }

    private mutating func write(line: ArraySlice<Unicode.Scalar>, continues: Bool, endsText: Bool) {
        // Four spaces would be a block of code, and fewer disappear.
        let indent = line.prefix { $0 == " " }.count
        output.append(Array(repeating: Self.noBreakSpace, count: min(indent, Self.longestIndent)))
        let words = line.split(separator: " ")
        var space: Unicode.Scalar?
        for (number, slice) in words.enumerated() where !output.isFull {
            if let space { output.append([space]) }
            let word = Word(
                slice, in: part, startsLine: number == 0 && !continues, endsLine: number == words.count - 1)
            space = word.isListNumber ? Self.noBreakSpace : " "
            // The last word needs no space for an ellipsis.
            let reserve = endsText && number == words.count - 1 ? 0 : 1
            let piece = escaped(word)
            if !output.fits(piece, reserve: reserve) { return shorten(word) }
            output.append(piece, reserve: reserve)
        }
    }

    private func escaped(_ word: Word) -> [Unicode.Scalar] {
        if word.isBullet { return ["•"] }
        if word.isListNumber { return Array(word.scalars) }
        return word.isLive || marksAllWords && !word.isPunctuation ? word.asCode : Array(word.scalars)
    }

    /// Writes as much of a long word as fits.
    private mutating func shorten(_ word: Word) {
        var length = min(word.scalars.count, output.remaining)
        while length > 0 {
            let part = Word(
                word.scalars.prefix(length), in: part, startsLine: word.startsLine, endsLine: word.endsLine)
            let piece = escaped(part)
            if output.fits(piece) {
                output.append(piece)
                break
            }
            length = length * 3 / 4
        }
        output.isFull = true
    }
}

/// Scalars up to a limit of UTF-16 units, with space for an ellipsis.
private struct BoundedText {
    private var scalars: [Unicode.Scalar] = []
    private var units = 0
    private let limit: Int
    /// Whether a piece did not fit; no further piece is added.
    var isFull = false

    init(limit: Int) {
        self.limit = limit
    }

    /// The units that a further piece may have.
    var remaining: Int { max(0, limit - units - 1) }

    /// - Parameter reserve: the units to leave free, 1 if an ellipsis may follow.
    func fits(_ piece: [Unicode.Scalar], reserve: Int = 1) -> Bool {
        !isFull && piece.reduce(units) { $0 + UTF16.width($1) } <= limit - reserve
    }

    /// Appends the whole piece or nothing.
    mutating func append(_ piece: [Unicode.Scalar], reserve: Int = 1) {
        guard fits(piece, reserve: reserve) else { return isFull = true }
        scalars.append(contentsOf: piece)
        units += piece.reduce(0) { $0 + UTF16.width($1) }
    }

    func ended(isCut: Bool) -> Escaped {
        guard isFull || isCut else { return Escaped(string: String(scalars: scalars), isShortened: false) }
        var scalars = scalars
        while let last = scalars.last, last == " " || last == "\n" || last == "\u{A0}" { scalars.removeLast() }
        scalars.append("…")
        return Escaped(string: String(scalars: scalars), isShortened: true)
    }
}
