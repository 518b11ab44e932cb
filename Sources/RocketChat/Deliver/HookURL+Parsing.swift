package import Posting
import Support

/// Parses the address of an incoming webhook: `https://host/hooks/ID/TOKEN` (docs/rocketchat.md section 1.1). Old tokens
/// are percent-encoded Base64, which the server decodes once more. A site may have a path prefix.
extension HookURL {
    /// Why a text is not a hook's address. Never repeats the text.
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

    package init(_ text: String) throws(Invalid) {
        guard let scheme = ["https://", "http://"].first(where: { text.lowercased().hasPrefix($0) }) else {
            throw .scheme
        }
        guard text.unicodeScalars.allSatisfy({ $0.value > 0x20 && $0.value != 0x7F }) else { throw .character }
        let rest = text.dropFirst(scheme.count)
        let authority = rest.prefix { !"/?#".contains($0) }
        let host = authority.split(separator: "@", omittingEmptySubsequences: false).last ?? ""
        do throws(CurlURL.Invalid) {
            try CurlURL.check(authority: host)
        } catch {
            throw error == .port ? .port : .host
        }

        let path = rest.dropFirst(authority.count)
        let (shown, hidden) = Self.divide(path: path)
        self.init(
            Secret(text), redacted: "\(scheme)\(host)\(shown)…",
            integration: "\(scheme)\(host)\(shown)\(Self.id(hidden).map { "\($0)/" } ?? "")…",
            secretParts: Self.secrets(in: hidden, and: authority.dropLast(host.count)).map { Secret($0) })
    }

    /// Divides the path after `/hooks/`; without that segment the whole path is hidden.
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

    /// The integration's ID; nil if no token follows, so that a token is never shown as an ID. IDs have 17 or 24
    /// characters; a longer one may be a misplaced token, so only its beginning is shown.
    private static func id(_ hidden: Substring) -> Substring? {
        let segments = hidden.prefix { $0 != "?" && $0 != "#" }.split(separator: "/", omittingEmptySubsequences: false)
        guard segments.count > 1, !segments[0].isEmpty, !segments[1].isEmpty else { return nil }
        return segments[0].count <= 32 ? segments[0] : segments[0].prefix(4) + "…"
    }

    /// The parts to redact. Very short parts are omitted: they are no secret, and replacing them would make messages
    /// unreadable.
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
}
