package import Posting
import Support

/// Checks whether an address can be an incoming webhook of Rocket.Chat: `https://host/hooks/ID/TOKEN`.
///
/// An address that cannot work is a problem. One that works only behind a proxy, or probably not as intended, gets a
/// warning. No text repeats the address, which is a secret.
package enum HookReview {
    package enum Problem: Error, Equatable, CustomStringConvertible {
        case quoted
        case several
        case placeholder
        case noPath
        case noToken
        case notAHook(String)
        case otherService(String)
        case host
        case character
        case escape

        package var description: String {
            switch self {
            case .quoted: "the webhook URL is in quotes; take them out (docker's --env-file keeps them)"
            case .several: "holds several URLs; a hook is one URL, and each severity has a variable of its own"
            case .placeholder: "the webhook URL holds a placeholder such as <ID> or ${ID}; put the real id and token in"
            case .noPath: "the webhook URL has no path; copy it whole, it ends with /hooks/ID/TOKEN"
            case .noToken: "the webhook URL lacks its id or token; copy it whole, it ends with /hooks/ID/TOKEN"
            case .notAHook(let path):
                "\(path) is no incoming webhook of Rocket.Chat; copy the webhook URL from the integration's page"
            case .otherService(let name): "the URL is one of \(name), and the relay posts to Rocket.Chat alone"
            case .host: "the host of the webhook URL is neither a name nor an address"
            case .character: "the path of the webhook URL holds a character that no URL has"
            case .escape: "the webhook URL holds a percent sign without two hexadecimal digits behind it"
            }
        }
    }

    /// Parses and checks an address. Contacts nobody.
    ///
    /// - Returns: the hook and its warnings, each a sentence without a full stop.
    /// - Throws: `Problem` or `HookURL.Invalid`.
    package static func hook(_ text: String) throws -> (hook: HookURL, warnings: [String]) {
        try checkForm(text)
        let hook = try HookURL(text)
        return (hook, try review(text))
    }

    /// Refuses texts that are not an address, with a better reason than that of `HookURL`.
    static func checkForm(_ text: String) throws(Problem) {
        if text.hasPrefix("\"") || text.hasPrefix("'") { throw .quoted }
        let parts = text.lowercased().split { ",;|".contains($0) || $0.isWhitespace }
        let urls = parts.count { part in ["http://", "https://"].contains(where: part.hasPrefix) }
        if urls > 1 { throw .several }
        if isPlaceholder(text) { throw .placeholder }
    }

    /// Checks an address that `HookURL` accepts. Returns the warnings.
    static func review(_ text: String) throws(Problem) -> [String] {
        let url = Parts(text)
        guard let server = try? CurlURL(text), isHost(url) else { throw .host }
        if let name = otherServices.first(where: { server.isOn($0.host) })?.name { throw .otherService(name) }
        try checkCharacters(url.path)
        try checkPath(url)
        return warnings(url, server)
    }

    // MARK: Problems

    /// Whether `<ID>`, `{{ .id }}`, `${ID}` or `$ID` was not replaced. Passwords may hold such characters.
    private static func isPlaceholder(_ text: String) -> Bool {
        let url = Parts(text)
        let shown = url.host + url.path + (url.query ?? "")
        if shown.contains(where: { "<>{}".contains($0) }) { return true }
        return zip(shown, shown.dropFirst()).contains { $0 == "$" && ($1.isLetter || $1 == "(") }
    }

    /// Whether the host is letters (also outside ASCII), digits, hyphens and underscores between dots, or a bracketed IPv6
    /// address. Names of containers often have underscores. libcurl accepts empty labels, invisible characters and
    /// percent-encoded names, so the host is checked as written.
    private static func isHost(_ url: Parts) -> Bool {
        // A percent sign starts the zone (RFC 6874).
        if url.isIPv6 { return IPAddress(url.host.prefix { $0 != "%" }) != nil }
        let name = url.host.hasSuffix(".") ? url.host.dropLast() : url.host[...]
        return name.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
            !label.isEmpty
                && label.unicodeScalars.allSatisfy {
                    $0.isLetterOrDigit || "-_".unicodeScalars.contains($0) || isLetter($0)
                }
        }
    }

    private static func isLetter(_ scalar: Unicode.Scalar) -> Bool {
        !scalar.isASCII && (scalar.properties.isAlphabetic || scalar.properties.numericType != nil)
    }

    private static func checkCharacters(_ path: Substring) throws(Problem) {
        let refused: Set<Unicode.Scalar> = ["\"", "\\", "^", "`", "|"]
        let isPlain = path.unicodeScalars.allSatisfy { $0.isASCII && $0.value > 0x20 && !refused.contains($0) }
        guard isPlain else { throw .character }
        for part in path.utf8.split(separator: UInt8(ascii: "%"), omittingEmptySubsequences: false).dropFirst() {
            let digits = part.prefix(2)
            guard digits.count == 2, digits.allSatisfy({ Unicode.Scalar($0).properties.isASCIIHexDigit }) else {
                throw .escape
            }
        }
    }

    private static func checkPath(_ url: Parts) throws(Problem) {
        if url.path.allSatisfy({ $0 == "/" }) { throw .noPath }
        guard let hook = url.hook else {
            // Rocket.Chat's own pages and APIs, behind which no proxy puts a webhook.
            let pages = ["/api/v1", "/admin", "/channel", "/group", "/direct", "/home", "/account"]
            if let page = pages.first(where: { url.path == $0 || url.path.hasPrefix($0 + "/") }) {
                throw .notAHook(page)
            }
            if url.segments.last == "hooks" { throw .noToken }
            for page in ["/api/v1/", "/admin/"] where url.path.contains(page) { throw .notAHook(page) }
            return
        }
        if hook.count < 2 || hook.prefix(2).contains("") { throw .noToken }
    }

    private static let otherServices: [(host: String, name: String)] = [
        ("hooks.slack.com", "Slack"), ("slack.com", "Slack"), ("discord.com", "Discord"), ("discordapp.com", "Discord"),
        ("webhook.office.com", "Microsoft Teams"), ("outlook.office.com", "Microsoft Teams"),
        ("outlook.office365.com", "Microsoft Teams"), ("logic.azure.com", "Microsoft Azure"),
        ("powerplatform.com", "Microsoft Power Automate"), ("chat.googleapis.com", "Google Chat"),
        ("api.telegram.org", "Telegram"), ("events.pagerduty.com", "PagerDuty"), ("api.opsgenie.com", "Opsgenie"),
        ("hooks.zapier.com", "Zapier"), ("webhook.site", "webhook.site"), ("api.pushover.net", "Pushover"),
        ("ntfy.sh", "ntfy"), ("webexapis.com", "Webex"), ("maker.ifttt.com", "IFTTT"),
        ("hooks.mattermost.com", "Mattermost"),
    ]

    // MARK: Warnings

    private static func warnings(_ url: Parts, _ server: CurlURL) -> [String] {
        var warnings: [String] = []
        if url.scheme == "http", !server.isLoopback {
            warnings.append(
                "the webhook URL is plain http to another host, so anyone on the way can read its token; use https")
        }
        if url.userInfo != nil {
            warnings.append("the webhook URL holds a user and password, which a hook of Rocket.Chat does not take")
        }
        if let hook = url.hook {
            if hook.count > 3 {
                warnings.append("more follows the token than an integration's page gives: /hooks/ID/TOKEN")
            }
            if hook.contains(where: isExample) { warnings.append("the id or token looks like that of an example") }
            if hook.contains(where: { !isToken($0) }) {
                warnings.append(
                    "the id or token holds a character that Rocket.Chat gives to none; was it copied whole?")
            }
        } else {
            warnings.append(
                "the path of the webhook URL has no /hooks/ID/TOKEN; it works only where a proxy rewrites it")
        }
        if let query = url.query {
            let names = query.split(separator: "&").map { $0.prefix { $0 != "=" }.lowercased() }
            warnings.append(
                names.contains("channel")
                    ? "?channel= does not choose a room: a hook posts to the room of its integration"
                    : "a webhook URL of Rocket.Chat has no query (?…)")
        }
        if url.fragment != nil {
            warnings.append("what follows # in the webhook URL is never sent, and does not choose a room")
        }
        if (url.scheme, server.port) == ("http", "443") || (url.scheme, server.port) == ("https", "80") {
            warnings.append("the port of the webhook URL is commonly that of the other scheme")
        }
        return warnings
    }

    private static func isExample(_ segment: Substring) -> Bool {
        let words = [
            "id", "token", "integration_id", "webhook_id", "your-token", "your_token", "changeme", "xxx", "...",
        ]
        return words.contains(segment.lowercased())
            || (segment.count > 3 && segment.allSatisfy { $0 == "x" || $0 == "X" })
    }

    /// IDs and tokens are letters and digits; those of old servers are percent-encoded Base64.
    private static func isToken(_ segment: Substring) -> Bool {
        segment.utf8.allSatisfy { Unicode.Scalar($0).isLetterOrDigit || "%-_=+.~".utf8.contains($0) }
    }

    // MARK: Parts

    /// An address split without validation. libcurl cannot split it: it refuses placeholders, which have an error message
    /// of their own, and does not return the host as written.
    private struct Parts {
        var scheme: String
        var userInfo: Substring?
        var host: String
        var isIPv6: Bool
        var path: Substring
        var query: Substring?
        var fragment: Substring?

        init(_ text: String) {
            var rest = text[...]
            let end = rest.firstRange(of: "://")
            scheme = end.map { rest[..<$0.lowerBound].lowercased() } ?? ""
            if let end { rest = rest[end.upperBound...] }
            if let mark = rest.firstIndex(of: "#") {
                fragment = rest[rest.index(after: mark)...]
                rest = rest[..<mark]
            }
            if let mark = rest.firstIndex(of: "?") {
                query = rest[rest.index(after: mark)...]
                rest = rest[..<mark]
            }
            var authority = rest.prefix { $0 != "/" }
            path = rest.dropFirst(authority.count)
            if let mark = authority.lastIndex(of: "@") {
                userInfo = authority[..<mark]
                authority = authority[authority.index(after: mark)...]
            }
            let name = authority.hasPrefix("[") ? authority.prefix { $0 != "]" } : authority.prefix { $0 != ":" }
            host = name.filter { $0 != "[" }.lowercased()
            isIPv6 = name.hasPrefix("[")
        }

        var segments: [Substring] {
            path.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map { $0 }
        }

        /// The segments after `/hooks/` without a trailing slash; nil if there are none.
        var hook: [Substring]? {
            guard let index = segments.firstIndex(of: "hooks"), index + 1 < segments.count else { return nil }
            let rest = segments[(index + 1)...]
            return rest.count > 2 && rest.last == "" ? Array(rest.dropLast()) : Array(rest)
        }
    }
}

extension CurlURL {
    fileprivate func isOn(_ domain: String) -> Bool { host == domain || host.hasSuffix("." + domain) }

    fileprivate var isLoopback: Bool {
        isOn("localhost") || host == "::1" || host.hasPrefix("127.") && host.allSatisfy { $0.isNumber || $0 == "." }
    }
}
