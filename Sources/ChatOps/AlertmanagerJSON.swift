import Alerts
import RocketChat
import Support

/// An alert that Alertmanager reports.
struct ReportedAlert: Sendable, Equatable {
    var alert: Alert
    /// A silence or an inhibition applies to it.
    var isSuppressed: Bool

    var fingerprint: String { alert.fingerprint }
}

/// A silence that Alertmanager reports.
struct ReportedSilence: Sendable, Equatable {
    var id: String
    /// Whether it has ended; the others are active or begin later.
    var isExpired: Bool
    /// In Alertmanager's syntax.
    var matchers: [String]
    var createdBy: String
    var comment: String
    var endsAt: Timestamp?
    var updatedAt: Timestamp?
}

/// Reads and writes the JSON of Alertmanager's API v2.
enum AlertmanagerJSON {
    /// Calls `body` for each element of a list that is an alert.
    static func alerts(in list: [UInt8], _ body: (ReportedAlert) -> Void) throws(AlertmanagerFailure) {
        try elements(of: list) { json in
            guard let fingerprint = json["fingerprint"]?.text, (1...32).contains(fingerprint.utf8.count),
                fingerprint.allSatisfy({ $0.isASCII && $0.isHexDigit }), let labels = labels(json["labels"])
            else { return false }
            let alert = Alert(
                status: .firing, labels: labels, annotations: self.labels(json["annotations"]) ?? Labels(),
                startsAt: json["startsAt"]?.text.flatMap { Timestamp(rfc3339: $0) }, generatorURL: "",
                fingerprint: fingerprint)
            body(ReportedAlert(alert: alert, isSuppressed: json["status"]?["state"]?.text == "suppressed"))
            return true
        }
    }

    /// Calls `body` for each element of a list that is a silence.
    static func silences(in list: [UInt8], _ body: (ReportedSilence) -> Void) throws(AlertmanagerFailure) {
        try elements(of: list) { json in
            guard let id = json["id"]?.text, isID(id), let state = json["status"]?["state"]?.text else { return false }
            let time = { (key: String) in json[key]?.text.flatMap { Timestamp(rfc3339: $0) } }
            body(
                ReportedSilence(
                    id: id, isExpired: state == "expired", matchers: json["matchers"]?.elements.map(matcher) ?? [],
                    createdBy: json["createdBy"]?.text ?? "", comment: json["comment"]?.text ?? "",
                    endsAt: time("endsAt"), updatedAt: time("updatedAt") ?? time("startsAt")))
            return true
        }
    }

    /// The ID of a new silence.
    static func silenceID(in body: [UInt8]) throws(AlertmanagerFailure) -> String {
        guard let id = ResponseJSON(body)?["silenceID"]?.text, isID(id) else { throw .malformed }
        return id
    }

    /// The error that a response states: a JSON string, or the member `message`. Empty if there is none.
    static func error(in body: [UInt8]) -> String {
        guard body.count <= 64 * 1024, let json = ResponseJSON(body) else { return "" }
        return json.text ?? json["message"]?.text ?? json["error"]?.text ?? ""
    }

    static func silence(
        _ matchers: [LabelMatcher], from start: Timestamp, until end: Timestamp, by author: String, comment: String
    ) -> [UInt8] {
        var writer = JSONWriter()
        writer.object { writer in
            writer.key("matchers")
            writer.array(matchers) { $1.write(to: &$0) }
            for (key, value) in [
                ("startsAt", start.rfc3339), ("endsAt", end.rfc3339), ("createdBy", author), ("comment", comment),
            ] {
                writer.key(key)
                writer.string(value)
            }
        }
        return writer.bytes
    }

    /// The ID becomes part of a URL's path.
    private static func isID(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count) && text.unicodeScalars.allSatisfy { $0.isLetterOrDigit || $0 == "-" }
    }

    private static func labels(_ json: ResponseJSON?) -> Labels? {
        guard case .object(let members) = json else { return nil }
        var labels = Labels()
        labels.pairs = members.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }.compactMap { member in
            member.value.text.map { Labels.Pair(name: member.key, value: $0) }
        }
        return labels
    }

    private static func matcher(_ json: ResponseJSON) -> String {
        // Before 0.22 the member is missing, and all matchers are positive.
        let (isEqual, isRegex) = (json["isEqual"] != .bool(false), json["isRegex"] == .bool(true))
        let operation = isRegex ? (isEqual ? "=~" : "!~") : (isEqual ? "=" : "!=")
        var value = JSONWriter()
        value.string(json["value"]?.text ?? "")
        return (json["name"]?.text ?? "") + operation + String(decoding: value.bytes, as: UTF8.self)
    }

    /// Parses the elements of an array one by one, so that a long list needs little more memory than its bytes.
    ///
    /// - Parameter read: returns false if the element is not what the API documents.
    private static func elements(
        of list: [UInt8], _ read: (ResponseJSON) -> Bool
    ) throws(AlertmanagerFailure) {
        var splitter = JSONArraySplitter(list)
        while let element = splitter.next() {
            guard let json = ResponseJSON(Array(element)), read(json) else { throw .malformed }
        }
        guard splitter.isComplete else { throw .malformed }
    }
}

/// Finds the elements of a JSON array without parsing them.
struct JSONArraySplitter: IteratorProtocol {
    private let bytes: [UInt8]
    private var position = 0
    private var isOpen = false
    /// The array was closed, and only white space follows it.
    private(set) var isComplete = false

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        skipSpace()
        if position < bytes.count, bytes[position] == UInt8(ascii: "[") {
            isOpen = true
            position += 1
        }
    }

    mutating func next() -> ArraySlice<UInt8>? {
        skipSpace()
        guard isOpen, position < bytes.count else { return nil }
        let start = position
        let isFirst = bytes[..<start].last { !Self.isSpace($0) } == UInt8(ascii: "[")
        if bytes[start] == UInt8(ascii: "]"), isFirst {
            close(at: start)
            return nil
        }
        skipElement()
        guard position < bytes.count else { return nil }
        let element = bytes[start..<position]
        if bytes[position] == UInt8(ascii: "]") { close(at: position) } else { position += 1 }
        return element
    }

    private mutating func close(at end: Int) {
        isOpen = false
        isComplete = bytes[(end + 1)...].allSatisfy(Self.isSpace)
    }

    /// Moves to the comma or the bracket behind the element.
    private mutating func skipElement() {
        var (depth, isText, isEscaped) = (0, false, false)
        while position < bytes.count {
            let byte = bytes[position]
            if isText {
                if isEscaped {
                    isEscaped = false
                } else if byte == UInt8(ascii: "\\") {
                    isEscaped = true
                } else if byte == UInt8(ascii: "\"") {
                    isText = false
                }
            } else {
                switch byte {
                case UInt8(ascii: "\""): isText = true
                case UInt8(ascii: "["), UInt8(ascii: "{"): depth += 1
                case UInt8(ascii: "]") where depth == 0, UInt8(ascii: ",") where depth == 0: return
                case UInt8(ascii: "]"), UInt8(ascii: "}"): depth -= 1
                default: break
                }
            }
            position += 1
        }
    }

    private mutating func skipSpace() {
        while position < bytes.count, Self.isSpace(bytes[position]) { position += 1 }
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
}

extension LabelMatcher {
    fileprivate func write(to writer: inout JSONWriter) {
        let (value, isRegex, isEqual) =
            switch condition {
            case .equal(let value): (value, false, true)
            case .notEqual(let value): (value, false, false)
            case .matching(let pattern): (pattern.text, true, true)
            case .notMatching(let pattern): (pattern.text, true, false)
            }
        writer.object { writer in
            writer.key("name")
            writer.string(name)
            writer.key("value")
            writer.string(value)
            writer.key("isRegex")
            writer.bool(isRegex)
            writer.key("isEqual")
            writer.bool(isEqual)
        }
    }
}

extension ResponseJSON {
    fileprivate var elements: [ResponseJSON] {
        if case .array(let elements) = self { elements } else { [] }
    }
}
