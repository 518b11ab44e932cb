import CYaml
import Support

/// A YAML document's content, each part with its place in the file.
indirect enum YAMLNode: Sendable {
    /// Counted from 1.
    struct Place: Sendable, Equatable {
        var line: Int
        var column: Int
    }

    struct Member: Sendable {
        var key: String
        var place: Place
        var value: YAMLNode
    }

    struct Failure: Error, Equatable {
        var message: String
        var place: Place
    }

    /// A plain scalar without a value counts as absent.
    case scalar(String?, Place)
    case list([YAMLNode], Place)
    case map([Member], Place)

    /// Aliases can make a small file endless: so many nodes are read, and no more.
    private static let nodeLimit = 10_000
    private static let depthLimit = 20

    var place: Place {
        switch self {
        case .scalar(_, let place), .list(_, let place), .map(_, let place): place
        }
    }

    /// Reads one document (YAML 1.1, as libyaml knows it); an empty one is an empty map.
    static func read(_ bytes: [UInt8]) throws(Failure) -> YAMLNode {
        try checkEvents(bytes)
        return try withParser(bytes) { (parser) throws(Failure) in
            var document = yaml_document_t()
            guard yaml_parser_load(&parser, &document) == 1 else { throw failure(of: parser, in: bytes) }
            defer { yaml_document_delete(&document) }
            guard let root = yaml_document_get_root_node(&document) else {
                return .map([], Place(line: 1, column: 1))
            }
            var visited = 0
            return try convert(root, in: &document, depth: 0, visited: &visited)
        }
    }

    private static func withParser<Result>(
        _ bytes: [UInt8], _ body: (inout yaml_parser_t) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        var parser = yaml_parser_t()
        guard yaml_parser_initialize(&parser) == 1 else { bug("out of memory for a YAML parser") }
        defer { yaml_parser_delete(&parser) }
        return try bytes.withUnsafeBufferPointer { (buffer) throws(Failure) in
            yaml_parser_set_input_string(&parser, buffer.baseAddress, buffer.count)
            return try body(&parser)
        }
    }

    /// Reads the events of the whole file before a document is built. libyaml's time for a document grows with the square
    /// of its depth. It also stops after the first document, so that the content of a second would be ignored.
    private static func checkEvents(_ bytes: [UInt8]) throws(Failure) {
        try withParser(bytes) { (parser) throws(Failure) in
            var (depth, documents) = (0, 0)
            while true {
                var event = yaml_event_t()
                guard yaml_parser_parse(&parser, &event) == 1 else { throw failure(of: parser, in: bytes) }
                defer { yaml_event_delete(&event) }
                switch event.type {
                case YAML_DOCUMENT_START_EVENT: documents += 1
                case YAML_SEQUENCE_START_EVENT, YAML_MAPPING_START_EVENT: depth += 1
                case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT: depth -= 1
                case YAML_STREAM_END_EVENT: return
                default: break
                }
                if depth > depthLimit + 1 { throw tooMuch(at: place(event.start_mark)) }
                if documents > 1 {
                    throw Failure(
                        message: "a second document begins here; all settings stand in one",
                        place: place(event.start_mark))
                }
            }
        }
    }

    private static func tooMuch(at place: Place) -> Failure {
        Failure(message: "too much content, or too deeply nested", place: place)
    }

    private static func failure(of parser: yaml_parser_t, in bytes: [UInt8]) -> Failure {
        let problem = parser.problem.map { String(cString: $0) } ?? "not YAML"
        let context = parser.context.map { String(cString: $0) + ": " } ?? ""
        // Of bytes that are no text libyaml gives only the offset.
        let isUnreadable = parser.error == YAML_READER_ERROR
        let found = isUnreadable ? place(at: Int(parser.problem_offset), in: bytes) : place(parser.problem_mark)
        return Failure(message: context + problem, place: found)
    }

    private static func place(at offset: Int, in bytes: [UInt8]) -> Place {
        let before = bytes.prefix(offset)
        let line = before.count { $0 == UInt8(ascii: "\n") }
        let start = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        return Place(line: line + 1, column: before.count - start + 1)
    }

    private static func place(_ mark: yaml_mark_t) -> Place {
        Place(line: mark.line + 1, column: mark.column + 1)
    }

    private static func convert(
        _ node: UnsafeMutablePointer<yaml_node_t>, in document: inout yaml_document_t, depth: Int, visited: inout Int
    ) throws(Failure) -> YAMLNode {
        let place = place(node.pointee.start_mark)
        visited += 1
        guard visited <= nodeLimit, depth <= depthLimit else {
            throw tooMuch(at: place)
        }
        switch node.pointee.type {
        case YAML_SEQUENCE_NODE:
            var items: [YAMLNode] = []
            for index in 0..<relay_yaml_count(node) {
                let item = yaml_document_get_node(&document, relay_yaml_item(node, index))
                if let item { items.append(try convert(item, in: &document, depth: depth + 1, visited: &visited)) }
            }
            return .list(items, place)
        case YAML_MAPPING_NODE:
            var members: [Member] = []
            for index in 0..<relay_yaml_count(node) {
                guard let key = yaml_document_get_node(&document, relay_yaml_key(node, index)),
                    let value = yaml_document_get_node(&document, relay_yaml_value(node, index))
                else { continue }
                members.append(try member(key, value, in: &document, depth: depth + 1, visited: &visited))
            }
            return .map(members, place)
        default: return .scalar(text(node), place)
        }
    }

    private static func member(
        _ key: UnsafeMutablePointer<yaml_node_t>, _ value: UnsafeMutablePointer<yaml_node_t>,
        in document: inout yaml_document_t, depth: Int, visited: inout Int
    ) throws(Failure) -> Member {
        let place = place(key.pointee.start_mark)
        guard key.pointee.type == YAML_SCALAR_NODE, let name = text(key) else {
            throw Failure(message: "a key must be a word; a value that begins with { needs quotes", place: place)
        }
        let value = try convert(value, in: &document, depth: depth, visited: &visited)
        return Member(key: name, place: place, value: value)
    }

    private static func text(_ node: UnsafeMutablePointer<yaml_node_t>) -> String? {
        let bytes = UnsafeRawBufferPointer(start: relay_yaml_scalar(node), count: relay_yaml_scalar_length(node))
        let text = String(decoding: bytes, as: UTF8.self)
        let isAbsent = relay_yaml_is_quoted(node) == 0 && (text.isEmpty || text == "~" || text == "null")
        return isAbsent ? nil : text
    }
}
