import CMustache
import Support

/// Why a template is invalid.
package struct TemplateError: Error, Sendable, Equatable {
    package var message: String
    /// The number of double braces in the template before the tag with the fault; nil if no tag has it.
    package var tag: Int?
    /// A name that does not exist, and those that do at its place.
    package var unknownName: String?
    package var knownNames: [String] = []
}

/// Where a template's result is shown. It decides how values are escaped and which names exist.
enum TemplatePlace: Sendable {
    /// The message's text.
    case text
    /// An alert's card: its title, its text, the title of a field, the value of a field, its color.
    case title, body, fieldTitle, fieldValue, color

    var isCard: Bool { self != .text }
}

/// A compiled template.
struct Template: Sendable {
    let source: String
    let place: TemplatePlace
    private let compiled: CompiledTemplate

    /// The most bytes of a template.
    static let sizeLimit = 16_384
    /// The most tags, and the most sections that contain each other. The engine recurses for each of those.
    static let tagLimit = 1_000
    static let depthLimit = Int(MUSTACHE_DEPTH_LIMIT)

    /// Fails if the template is invalid, too large, or names something that does not exist at its place.
    init(_ source: String, at place: TemplatePlace) throws(TemplateError) {
        self.source = source
        self.place = place
        let tags = TemplateTag.scan(source)
        try Self.checkSize(source, tags)
        do throws(CompiledTemplate.Invalid) {
            compiled = try CompiledTemplate(source)
        } catch {
            throw TemplateError(
                message: error.message, tag: TemplateTag.braces(in: source, before: error.offset))
        }
        try TemplateSchema(place: place).check(tags, in: source)
    }

    private static func checkSize(_ source: String, _ tags: [TemplateTag]) throws(TemplateError) {
        guard source.utf8.count <= sizeLimit else {
            throw TemplateError(message: "is larger than \(sizeLimit) bytes")
        }
        // The engine's marks of values are among them.
        if source.unicodeScalars.contains(where: { $0.value < 0x20 && $0 != "\n" && $0 != "\t" && $0 != "\r" }) {
            throw TemplateError(message: "has a control character")
        }
        func fail(_ message: String, _ tag: TemplateTag) throws(TemplateError) {
            throw TemplateError(message: message, tag: TemplateTag.braces(in: source, before: tag.offset))
        }
        var depth = 0
        for (index, tag) in tags.enumerated() {
            if index == tagLimit { try fail("has more than \(tagLimit) tags", tag) }
            switch tag.kind {
            case .section, .inverted: depth += 1
            case .end: depth -= 1
            case .partial: try fail("partials, as in {{>\(tag.name)}}, do not exist", tag)
            case .delimiters: try fail("the delimiters of tags cannot be changed", tag)
            case .value, .raw, .comment: break
            }
            if depth > depthLimit { try fail("has more than \(depthLimit) sections in each other", tag) }
        }
    }

    /// The parts of the result; nil if a limit was exceeded.
    ///
    /// - Parameter scopes: the outermost scopes of names, the last one being searched first.
    func pieces(_ scopes: [TemplateValue]) -> [TemplatePiece]? { compiled.pieces(scopes) }
}

extension Template: Equatable {
    static func == (left: Template, right: Template) -> Bool {
        left.source == right.source && left.place == right.place
    }
}

/// A part of a template's result.
enum TemplatePiece: Equatable {
    /// The template's own text, or a value that is written as it is.
    case literal(String)
    /// A value to escape, or part of one.
    ///
    /// - Parameter mayBeMarkdown: whether the value is an annotation.
    case value(String, mayBeMarkdown: Bool)
}

/// A template compiled by the engine.
// @unchecked because it is immutable, and the engine's objects may be rendered by several threads at once (CMustache.h).
private final class CompiledTemplate: @unchecked Sendable {
    struct Invalid: Error {
        var message: String
        /// The position of the tag, in bytes.
        var offset: Int
    }

    private let code: OpaquePointer

    init(_ source: String) throws(Invalid) {
        var source = source
        var offset = 0
        let (code, message) = source.withUTF8 { bytes in
            withUnsafeTemporaryAllocation(of: CChar.self, capacity: 200) { message -> (OpaquePointer?, String) in
                message.initialize(repeating: 0)
                let code = mustache_template_compile(
                    UnsafeRawPointer(bytes.baseAddress)?.assumingMemoryBound(to: CChar.self), bytes.count, &offset,
                    message.baseAddress, message.count)
                let reason = message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
                return (code, String(decoding: reason, as: UTF8.self))
            }
        }
        guard let code else {
            throw Invalid(message: message.prefix(1).lowercased() + message.dropFirst(), offset: offset)
        }
        self.code = code
    }

    deinit {
        mustache_template_destroy(code)
    }

    func pieces(_ scopes: [TemplateValue]) -> [TemplatePiece]? {
        let run = TemplateRun(scopes)
        let stack = (0..<UInt32(scopes.count)).map { $0 }
        let result = stack.withUnsafeBufferPointer { stack in
            mustache_template_render(
                code, stack.baseAddress, stack.count,
                { context, stack, depth, name, size in
                    TemplateRun.of(context).lookup(
                        UnsafeBufferPointer(start: stack, count: depth),
                        UnsafeRawBufferPointer(start: name, count: size))
                },
                { context, bytes, size in
                    TemplateRun.of(context).output = Array(UnsafeRawBufferPointer(start: bytes, count: size))
                }, Unmanaged.passUnretained(run).toOpaque())
        }
        return result == MUSTACHE_DONE ? run.pieces : nil
    }
}

/// One rendering: the values that the engine knows by number, and the result.
private final class TemplateRun {
    private var nodes: [TemplateValue]
    var output: [UInt8] = []

    init(_ scopes: [TemplateValue]) {
        nodes = scopes
    }

    static func of(_ context: UnsafeMutableRawPointer?) -> TemplateRun {
        guard let context else { bug("the engine has lost its context") }
        return Unmanaged<TemplateRun>.fromOpaque(context).takeUnretainedValue()
    }

    func lookup(_ stack: UnsafeBufferPointer<UInt32>, _ name: UnsafeRawBufferPointer) -> mustache_value {
        let name = String(decoding: name, as: UTF8.self)
        let scopes = stack.reversed().lazy.map { self.nodes[Int($0)] }
        let value = name == "." ? scopes.first : scopes.compactMap { $0.member(name) }.first
        guard let value, !value.isFalse else { return mustache_value(kind: MUSTACHE_NOTHING, first: 0, count: 0) }
        let first = UInt32(nodes.count)
        guard case .list(let items) = value else {
            nodes.append(value)
            return mustache_value(kind: MUSTACHE_NODE, first: first, count: 1)
        }
        nodes += items
        return mustache_value(kind: MUSTACHE_LIST, first: first, count: UInt32(items.count))
    }

    /// The output, with values in place of their marks.
    var pieces: [TemplatePiece] {
        let marks = [MUSTACHE_ESCAPED, MUSTACHE_OPEN, MUSTACHE_CLOSE].map { UInt8($0) }
        var pieces: [TemplatePiece] = []
        var rest = output[...]
        while let start = rest.firstIndex(where: marks.contains) {
            if start > rest.startIndex { pieces.append(.literal(String(decoding: rest[..<start], as: UTF8.self))) }
            let isEscaped = rest[start] == marks[0]
            guard let end = rest[start...].firstIndex(of: marks[2]) else { break }
            let digits = rest[(start + (isEscaped ? 2 : 1))..<end]
            if let index = Int(String(decoding: digits, as: UTF8.self)), nodes.indices.contains(index) {
                pieces.append(nodes[index].piece(isEscaped: isEscaped))
            }
            rest = rest[(end + 1)...]
        }
        if !rest.isEmpty { pieces.append(.literal(String(decoding: rest, as: UTF8.self))) }
        return pieces
    }
}
