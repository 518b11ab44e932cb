package import Support

/// A hook's address, kept byte for byte as configured: servers may decode a path more than once.
///
/// The address authorizes posts, so it prints without its secret parts. A target parses it and names those parts.
package struct HookURL: Sendable, Hashable {
    package let url: Secret
    /// The address without the secret parts, for logs.
    package let redacted: String
    /// `redacted` and the ID by which an administrator finds the hook. Equal to `redacted` if the address has no ID.
    package let integration: String
    /// `integration` holds an ID.
    package var namesIntegration: Bool { integration != redacted }
    /// The parts that must not be quoted from a response, longest first.
    private let secretParts: [Secret]

    package init(_ url: Secret, redacted: String, integration: String, secretParts: [Secret]) {
        self.url = url
        self.redacted = redacted
        self.integration = integration
        self.secretParts = secretParts
    }

    /// An address without secrets, such as that of a control socket.
    package init(withoutSecrets url: String) {
        self.init(Secret(url), redacted: url, integration: url, secretParts: [])
    }

    /// Replaces the secret parts in a text: some servers repeat the path of the request in their error pages.
    package func redacting(_ text: String) -> String {
        secretParts.reduce(text) { Self.replace($1.revealed, in: $0, by: $1.description) }
    }

    private static func replace(_ part: String, in text: String, by replacement: String) -> String {
        let part = Array(part.utf8)
        var rest = Array(text.utf8)[...]
        var result: [UInt8] = []
        while let byte = rest.first {
            if rest.starts(with: part) {
                result += Array(replacement.utf8)
                rest = rest.dropFirst(part.count)
            } else {
                result.append(byte)
                rest = rest.dropFirst()
            }
        }
        return String(decoding: result, as: UTF8.self)
    }
}

extension HookURL: CustomStringConvertible {
    package var description: String { redacted }
}
