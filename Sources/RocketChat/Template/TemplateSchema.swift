import Alerts

/// The names that exist at a place of a template. A misspelt name would be shown as nothing, so it is an error.
struct TemplateSchema {
    let place: TemplatePlace

    /// A scope of names.
    private enum Scope {
        case message, alert, pair
        /// Labels: every name may exist.
        case labels
        /// A single value: `{{.}}` only.
        case leaf
    }

    func check(_ tags: [TemplateTag], in source: String) throws(TemplateError) {
        var scopes: [Scope] = place.isCard ? [.message, .alert] : [.message]
        var open: [Bool] = []
        for tag in tags {
            switch tag.kind {
            case .value, .raw: _ = try scope(of: tag, scopes, source)
            case .section:
                scopes.append(try scope(of: tag, scopes, source))
                open.append(true)
            case .inverted:
                _ = try scope(of: tag, scopes, source)
                open.append(false)
            case .end: if open.popLast() == true { scopes.removeLast() }
            case .comment, .partial, .delimiters: break
            }
        }
    }

    /// The scope that a section of the name opens.
    private func scope(of tag: TemplateTag, _ scopes: [Scope], _ source: String) throws(TemplateError) -> Scope {
        if tag.name == "." { return scopes.last ?? .leaf }
        for scope in scopes.reversed() { if let found = member(tag.name, of: scope) { return found } }
        let known = scopes.flatMap(names).distinctNames
        throw TemplateError(
            message: tag.name.isEmpty ? "a tag needs a name" : "there is no {{\(tag.name)}} here",
            tag: TemplateTag.braces(in: source, before: tag.offset), unknownName: tag.name, knownNames: known)
    }

    private func member(_ name: String, of scope: Scope) -> Scope? {
        switch scope {
        case .message: find(name, TemplateMessage.names)
        case .alert: find(name, TemplateAlert.names)
        case .pair: ["name", "value"].contains(name) ? .leaf : nil
        case .labels: name.isEmpty ? nil : .leaf
        case .leaf: nil
        }
    }

    private func find<Subject>(_ name: String, _ names: [TemplateName<Subject>]) -> Scope? {
        for known in names where known.kind != .markup || !place.isCard {
            if known.name == name {
                switch known.kind {
                case .single, .markup: return .leaf
                case .labels: return .labels
                case .alerts: return .alert
                case .pairs: return .pair
                }
            }
            if known.kind == .labels, name.hasPrefix(known.name + "."), name.count > known.name.count + 1 {
                return .leaf
            }
        }
        return nil
    }

    private func names(of scope: Scope) -> [String] {
        switch scope {
        case .message: TemplateMessage.names.filter { $0.kind != .markup || !place.isCard }.map(\.name)
        case .alert: TemplateAlert.names.filter { $0.kind != .markup || !place.isCard }.map(\.name)
        case .pair: ["name", "value"]
        case .labels, .leaf: []
        }
    }
}

extension [String] {
    fileprivate var distinctNames: [String] { Array(Set(self)).sorted() }
}
