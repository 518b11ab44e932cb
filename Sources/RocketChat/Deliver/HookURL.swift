import Alerts
package import Support

/// The address of an incoming webhook, kept byte for byte as its owner pasted it (docs/rocketchat.md section 1.1: old
/// tokens are percent-encoded base64 which the server decodes once more, and a site may live under a path prefix).
///
/// Whoever knows it can post to the room, so it prints as `https://chat.example.com/hooks/…`.
package struct HookURL: Sendable, Hashable {
    /// What is wrong with a text that should be a hook's address; never repeats the text.
    package enum Invalid: Error, Equatable, CustomStringConvertible {
        case scheme
        case host
        case port
        case character

        package var description: String {
            switch self {
            case .scheme: "a webhook URL must begin with https:// or http://"
            case .host: "the webhook URL names no host"
            case .port: "the port of the webhook URL is not a number from 1 to 65535"
            case .character: "the webhook URL holds a space or a control character"
            }
        }
    }

    package let url: Secret
    /// The address without its integration id, token, query and password, for logs.
    let redacted: String
    /// The address with its integration's id and without the rest, so that an administrator finds the integration. As
    /// `redacted` if the address does not have the form /hooks/ID/TOKEN.
    package let integration: String
    /// `integration` holds an id.
    package var namesIntegration: Bool { integration != redacted }
    /// The parts of the address that must not be quoted from an answer, longest first.
    private let secretParts: [Secret]

    package init(_ text: String) throws(Invalid) {
        guard let scheme = ["https://", "http://"].first(where: { text.lowercased().hasPrefix($0) }) else {
            throw .scheme
        }
        guard text.unicodeScalars.allSatisfy({ $0.value > 0x20 && $0.value != 0x7F }) else { throw .character }
        let rest = text.dropFirst(scheme.count)
        let authority = rest.prefix { !"/?#".contains($0) }
        let host = authority.split(separator: "@", omittingEmptySubsequences: false).last ?? ""
        try Self.validate(host: host)

        let path = rest.dropFirst(authority.count)
        let (shown, hidden) = Self.divide(path: path)
        url = Secret(text)
        redacted = "\(scheme)\(host)\(shown)…"
        integration = "\(scheme)\(host)\(shown)\(Self.id(hidden).map { "\($0)/" } ?? "")…"
        secretParts = Self.secrets(in: hidden, and: authority.dropLast(host.count)).map { Secret($0) }
    }

    /// The same text with every part of the address that is secret replaced: some servers repeat the path of the
    /// request in their error pages.
    func redacting(_ text: String) -> String {
        secretParts.reduce(text) { Self.replace($1.revealed, in: $0, by: $1.description) }
    }

    package static func validate(host: Substring) throws(Invalid) {
        let isLiteral = host.hasPrefix("[")
        let name = host.prefix { isLiteral ? $0 != "]" : $0 != ":" }
        guard name.count > (isLiteral ? 1 : 0) else { throw .host }
        let afterName = host.dropFirst(name.count + (isLiteral ? 1 : 0))
        guard !isLiteral || host.contains("]") else { throw .host }
        guard afterName.isEmpty || isPort(afterName) else { throw .port }
    }

    private static func isPort(_ text: Substring) -> Bool {
        guard text.first == ":", let port = UInt16(text.dropFirst()) else { return false }
        return port > 0
    }

    /// Where the path ends that may be shown: behind `/hooks/`, else at the host.
    private static func divide(path: Substring) -> (shown: Substring, hidden: Substring) {
        var shown = path.startIndex
        var next = path.startIndex
        while next < path.endIndex {
            if path[next...].hasPrefix("/hooks/") {
                shown = path.index(next, offsetBy: 7)
                break
            }
            next = path.index(after: next)
        }
        let isHook = shown != path.startIndex
        return isHook ? (path[..<shown], path[shown...]) : ("/", path)
    }

    /// The integration's id; nil if no token follows, so that a token is never taken for an id. Ids have 17 or 24
    /// characters; of a longer one, which may be a token in the wrong place, only the beginning is shown.
    private static func id(_ hidden: Substring) -> Substring? {
        let segments = hidden.prefix { $0 != "?" && $0 != "#" }.split(separator: "/", omittingEmptySubsequences: false)
        guard segments.count > 1, !segments[0].isEmpty, !segments[1].isEmpty else { return nil }
        return segments[0].count <= 32 ? segments[0] : segments[0].prefix(4) + "…"
    }

    /// Very short parts are left out: they are no secret, and replacing them would make messages unreadable.
    private static func secrets(in path: Substring, and credentials: Substring) -> [String] {
        let parts =
            path.split { "/?&=#".contains($0) } + credentials.split { ":@".contains($0) }
        let known = parts.filter { $0.utf8.count >= 4 }.map(String.init)
        // A set has no order of its own: without the second criterion equal URLs could compare as different.
        return Set(known + known.map(percentDecoded)).sorted { ($0.utf8.count, $1) > ($1.utf8.count, $0) }
    }

    private static func percentDecoded(_ text: String) -> String {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            let digits = String(decoding: rest.prefix(2), as: UTF8.self)
            if byte == UInt8(ascii: "%"), digits.utf8.count == 2, let decoded = UInt8(digits, radix: 16) {
                bytes.append(decoded)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func replace(_ part: String, in text: String, by replacement: String) -> String {
        let wanted = Array(part.utf8)
        var rest = Array(text.utf8)[...]
        var result: [UInt8] = []
        while let byte = rest.first {
            if rest.starts(with: wanted) {
                result += Array(replacement.utf8)
                rest = rest.dropFirst(wanted.count)
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

/// The address of a proxy, as libcurl takes it: `[scheme://][user:password@]host[:port]`.
package struct ProxyURL: Sendable {
    /// What is wrong with a text that should be one; never repeats the text, which may hold a password.
    package enum Invalid: Error, Equatable, CustomStringConvertible {
        case scheme
        case character
        case host
        case port
        case path
        case placeholder

        package var description: String {
            switch self {
            case .scheme: "the proxy's scheme is none of http, https, socks4, socks4a, socks5 and socks5h"
            case .character: "the proxy's URL holds a space, a control character or one outside of ASCII"
            case .host: "the proxy's URL names no host"
            case .port: "the port of the proxy's URL is not a number from 1 to 65535"
            case .path:
                "the proxy's URL ends with its port; in a user or password @, /, ? and # are written %40, %2F, %3F, %23"
            case .placeholder: "holds a placeholder such as ${PROXY}; put the proxy's URL in"
            }
        }
    }

    package let url: Secret
    /// What must not be quoted from an error.
    private let secretParts: [Secret]

    private static let schemes = ["http", "https", "socks4", "socks4a", "socks5", "socks5h"]

    package init(_ text: String) throws(Invalid) {
        if ["${", "$(", "{{", "<"].contains(where: text.contains) { throw .placeholder }
        guard text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else { throw .character }
        var rest = text[...]
        if let end = text.firstRange(of: "://") {
            guard Self.schemes.contains(text[..<end.lowerBound].lowercased()) else { throw .scheme }
            rest = text[end.upperBound...]
        }
        if rest.hasSuffix("/") { rest.removeLast() }
        let parts = rest.split(separator: "@", omittingEmptySubsequences: false)
        guard parts.count <= 2, !rest.contains(where: { "/?#\\".contains($0) }) else { throw .path }
        try HookURL.check(host: parts.last ?? "")
        url = Secret(text)
        let login = parts.count == 2 ? parts[0] : ""
        secretParts =
            [text, String(login)].filter { !$0.isEmpty }.map { Secret($0) }
            + login.split(separator: ":").filter { $0.count > 2 }.map { Secret(String($0)) }
    }

    /// The same text with every part of the address that is secret replaced.
    func redacting(_ text: String) -> String {
        secretParts.reduce(text) { $0.replacing($1.revealed, with: $1.description) }
    }
}

extension HookURL {
    /// A proxy's host and port are checked as a hook's are.
    fileprivate static func check(host: Substring) throws(ProxyURL.Invalid) {
        do throws(Invalid) {
            try validate(host: host)
        } catch {
            throw error == .port ? .port : .host
        }
    }
}
