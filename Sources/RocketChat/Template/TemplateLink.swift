import Support

/// A link of a template with values in its label or its target.
enum TemplateLink {
    static let urlLimit = 2_000
    private static let labelLimit = 200

    /// `[label](target)`; nil if the target is not a safe URL. A value at the start of the target is a URL; others are
    /// encoded.
    static func markup(_ label: ArraySlice<TemplateText.Unit>, _ target: ArraySlice<TemplateText.Unit>) -> String? {
        var text = ""
        for unit in label {
            switch unit {
            case .scalar(let scalar): text.unicodeScalars.append(scalar)
            case .value(let value, _): text += Escape.fieldTitle(value, limit: labelLimit).string
            }
        }
        guard !text.trimmed.isEmpty, !target.isEmpty else { return nil }
        var address = ""
        for unit in target {
            switch unit {
            case .scalar(let scalar): address.unicodeScalars.append(scalar)
            case .value(let value, _) where address.isEmpty:
                guard let url = SafeURL(value, limit: urlLimit) else { return nil }
                // A label that looks like an address must not lead to another one.
                let hasValue = label.contains { $0.scalar == nil }
                if hasValue, TrustedMarkdown.namesAddress(Array(text.unicodeScalars)[...]) { return nil }
                address = url.string
            case .value(let value, _):
                // A value must not extend the name of the host.
                guard address.firstRange(of: "://").map({ address[$0.upperBound...].contains("/") }) ?? false else {
                    return nil
                }
                address += SafeURL.encodedComponent(Array(value.utf8))
            }
        }
        // A target without values is the template's own.
        guard target.contains(where: { $0.scalar == nil }) else { return "[\(text)](\(address))" }
        return SafeURL(address, limit: urlLimit)?.label(text)
    }
}
