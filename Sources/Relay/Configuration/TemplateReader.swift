import Alerts
import Posting
import RocketChat
import Support

/// Reads `templates` of a configuration file, compiles them, and renders sample bodies with them.
struct TemplateReader {
    let path: String
    /// The file's content, for the places of tags.
    let source: [UInt8]
    /// The settings that the samples are rendered with.
    let settings: RenderSettings
    private(set) var problems: [ConfigurationProblem] = []

    private static let fieldKeys = ["title", "value", "short"]

    init(path: String, source: [UInt8], settings: RenderSettings) {
        (self.path, self.source, self.settings) = (path, source, settings)
    }

    /// Reads a map of parts.
    ///
    /// - Parameter severities: receives the maps of severities; nil where there can be none.
    mutating func read(
        _ node: YAMLNode, key: String, severities: inout [Severity: MessageTemplates]?
    ) -> MessageTemplates {
        var templates = MessageTemplates()
        var places: [TemplatePart: (key: String, place: YAMLNode.Place)] = [:]
        for member in members(of: node, key) {
            let key = "\(key).\(member.key)"
            if severities != nil, let severity = Severity(rawValue: member.key) {
                var none: [Severity: MessageTemplates]?
                severities?[severity] = read(member.value, key: key, severities: &none)
                continue
            }
            guard let part = TemplatePart(rawValue: member.key) else {
                let known = TemplatePart.allCases.map(\.rawValue)
                let names = severities == nil ? known : known + Severity.allCases.map(\.rawValue)
                problem(key, member.place, Self.unknown(member.key, among: names))
                continue
            }
            places[part] = (key, member.value.place)
            if part == .fields {
                readFields(member.value, key, into: &templates)
            } else if let text = text(member.value, key) {
                compile(text, key) { text throws(TemplateError) in try templates.set(part, text) }
            }
        }
        check(templates, places)
        return templates
    }

    private mutating func readFields(_ node: YAMLNode, _ key: String, into templates: inout MessageTemplates) {
        guard case .list(let items, let place) = node else {
            if case .scalar(nil, _) = node { return }
            return problem(key, node.place, "must be a list; each item has a title and a value")
        }
        if items.count > MessageTemplates.fieldLimit {
            return problem(key, place, "there may be \(MessageTemplates.fieldLimit) fields at most")
        }
        templates.clearFields()
        for (index, item) in items.enumerated() {
            let key = "\(key)[\(index)]"
            let known = problems.count
            var (title, value): (FieldTemplate?, FieldTemplate?)
            var isShort: Bool?
            for member in members(of: item, key) {
                let key = "\(key).\(member.key)"
                guard Self.fieldKeys.contains(member.key) else {
                    problem(key, member.place, Self.unknown(member.key, among: Self.fieldKeys))
                    continue
                }
                guard let text = text(member.value, key) else { continue }
                switch member.key {
                case "title":
                    compile(text, key) { text throws(TemplateError) in title = try MessageTemplates.fieldTitle(text) }
                case "value":
                    compile(text, key) { text throws(TemplateError) in value = try MessageTemplates.fieldValue(text) }
                default:
                    isShort = Bool(text.text.lowercased())
                    if isShort == nil {
                        problem(key, text.place, "\(SettingNotes.quoted(text.text)) is not true or false")
                    }
                }
            }
            if let title, let value {
                templates.addField(title, value, isShort: isShort)
            } else if problems.count == known {
                problem(key, item.place, "a field needs a title and a value")
            }
        }
    }

    // MARK: Values

    /// A template's text and where it begins.
    private struct Text {
        var text: String
        var place: YAMLNode.Place
    }

    /// The members of a map, each key once; empty if a problem was noted.
    private mutating func members(of node: YAMLNode, _ key: String) -> [YAMLNode.Member] {
        guard case .map(let members, _) = node else {
            if case .scalar(nil, _) = node { return [] }
            problem(key, node.place, "must hold keys and values")
            return []
        }
        var seen: Set<String> = []
        for member in members where !seen.insert(member.key).inserted {
            problem("\(key).\(member.key)", member.place, "is given twice")
        }
        seen = []
        return members.filter { seen.insert($0.key).inserted }
    }

    private mutating func text(_ node: YAMLNode, _ key: String) -> Text? {
        guard case .scalar(let text, let place) = node else {
            problem(key, node.place, "must be a single text")
            return nil
        }
        guard let text else { return nil }
        if text.trimmed.isEmpty {
            problem(key, place, "is empty; leave the key out for the built-in form")
            return nil
        }
        return Text(text: text, place: place)
    }

    private mutating func compile(_ text: Text, _ key: String, _ compile: (String) throws(TemplateError) -> Void) {
        do throws(TemplateError) {
            try compile(text.text)
        } catch {
            let hint = error.unknownName.flatMap { NearestName.close(to: $0, among: error.knownNames) }
            let tag = error.tag.flatMap { place(ofBraces: $0, in: text) }
            problem(key, tag ?? text.place, error.message + (hint.map { ", did you mean {{\($0)}}?" } ?? ""))
        }
    }

    private mutating func check(
        _ templates: MessageTemplates, _ places: [TemplatePart: (key: String, place: YAMLNode.Place)]
    ) {
        for fault in templates.faults(settings: settings) {
            // A card that is too large counts as its body, which may have no template.
            let first = places.values.min { ($0.place.line, $0.place.column) < ($1.place.line, $1.place.column) }
            guard let (key, place) = places[fault.failure.part] ?? first else { continue }
            problem(key, place, Self.sentence(for: fault))
        }
    }

    private static func sentence(for fault: TemplateFault) -> String {
        let samples = fault.samples.joined(separator: ", ")
        return switch fault.failure.reason {
        case .empty: "is empty for every sample body"
        case .tooLong: "is too long for the sample body of \(samples)"
        case .tooMuch: "takes too much work for the sample body of \(samples)"
        case .color: "is no color for the sample body of \(samples); write #RRGGBB or a name as in orange"
        }
    }

    private static func unknown(_ key: String, among known: [String]) -> String {
        let nearest = NearestName.close(to: key, among: known)
        return "is not a setting" + (nearest.map { ", did you mean \($0)?" } ?? "")
    }

    private mutating func problem(_ key: String, _ place: YAMLNode.Place, _ message: String) {
        problems.append(
            ConfigurationProblem(key: key, message: message, place: "\(path):\(place.line):\(place.column)"))
    }

    // MARK: Places

    /// Where the pair of braces with a number is in the file. YAML keeps braces as they are in every style of text, so they
    /// can be counted. Nil for braces that a quoted text writes with escapes.
    private func place(ofBraces number: Int, in text: Text) -> YAMLNode.Place? {
        var (line, column, count) = (1, 1, 0)
        var index = 0
        let brace = UInt8(ascii: "{")
        while index < source.count {
            let isInText = (line, column) >= (text.place.line, text.place.column)
            if isInText, source[index] == brace, index + 1 < source.count, source[index + 1] == brace {
                if count == number { return YAMLNode.Place(line: line, column: column) }
                count += 1
                index += 2
                column += 2
                continue
            }
            if source[index] == UInt8(ascii: "\n") {
                (line, column) = (line + 1, 1)
            } else if source[index] & 0xC0 != 0x80 {
                column += 1
            }
            index += 1
        }
        return nil
    }
}

// MARK: The configuration

extension ConfigurationReader {
    /// Reads the templates for all rooms and for severities.
    mutating func readTemplates(_ configuration: inout RelayConfiguration) {
        guard let file = lookup.file, let node = file.templates else { return }
        var reader = TemplateReader(
            path: file.path, source: file.source, settings: configuration.posting.renderSettings)
        var severities: [Severity: MessageTemplates]? = [:]
        let all = reader.read(node, key: SettingsFile.templatesKey, severities: &severities)
        configuration.posting.templates = TemplateBook().overridden(by: all, severities: severities ?? [:])
        note(reader.problems)
    }

    /// Reads the templates of the receiver at an index in the file.
    mutating func readTemplates(ofReceiver index: Int, _ receiver: inout ReceiverConfiguration) {
        receiver.posting.templates = receiver.posting.templates.named(receiver.name)
        guard let file = lookup.file, let node = file.receiverTemplates[index] else { return }
        var reader = TemplateReader(path: file.path, source: file.source, settings: receiver.posting.renderSettings)
        var none: [Severity: MessageTemplates]?
        let own = reader.read(
            node, key: "receivers[\(index)].\(SettingsFile.templatesKey)", severities: &none)
        receiver.posting.templates = receiver.posting.templates.overridden(by: own)
        note(reader.problems)
    }
}

/// The templates of `relay render --template`.
struct TemplatePreview {
    private var all = MessageTemplates()
    private var severities: [Severity: MessageTemplates]? = [:]
    let problems: [ConfigurationProblem]

    /// Reads a file with the content of `templates`, or with the key itself, as a configuration file.
    init(path: String, settings: RenderSettings) {
        let file = SettingsFile(templates: path)
        var reader = TemplateReader(path: path, source: file.source, settings: settings)
        if let node = file.templates {
            all = reader.read(node, key: SettingsFile.templatesKey, severities: &severities)
        }
        problems = file.problems + reader.problems
    }

    /// The book with these templates over its own.
    func over(_ book: TemplateBook) -> TemplateBook { book.overridden(by: all, severities: severities ?? [:]) }
}
