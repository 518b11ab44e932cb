import Glibc
package import Support

/// A proxy's address in libcurl's syntax: `[scheme://][user:password@]host[:port]`.
package struct ProxyURL: Sendable {
    /// Why a text is not a proxy's address. Never repeats the text, which may hold a password.
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
    /// The parts that must not be quoted from an error.
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
        do throws(CurlURL.Invalid) {
            try CurlURL.check(authority: parts.last ?? "")
        } catch {
            throw error == .port ? .port : .host
        }
        url = Secret(text)
        let login = parts.count == 2 ? parts[0] : ""
        secretParts =
            [text, String(login)].filter { !$0.isEmpty }.map { Secret($0) }
            + login.split(separator: ":").filter { $0.count > 2 }.map { Secret(String($0)) }
    }

    /// The proxy that libcurl uses for an address if none is configured; nil if there is none or it is invalid. Does not
    /// consider `no_proxy`.
    static func ofEnvironment(for url: String) -> ProxyURL? {
        let isTLS = url.lowercased().hasPrefix("https:")
        // libcurl ignores HTTP_PROXY, which a CGI request could set.
        let names = (isTLS ? ["https_proxy", "HTTPS_PROXY"] : ["http_proxy"]) + ["all_proxy", "ALL_PROXY"]
        let value = names.lazy.compactMap { getenv($0).map { String(cString: $0) } }.first { !$0.isEmpty }
        return value.flatMap { try? ProxyURL($0) }
    }

    /// Host and port in lower case, as libcurl's errors name them.
    var address: (host: String, port: String) {
        let text = url.revealed
        guard let parsed = try? CurlURL(text.contains("://") ? text : "http://" + text) else { return ("", "") }
        let standard = text.lowercased().hasPrefix("https:") ? "443" : "1080"
        return (parsed.host, parsed.port.isEmpty ? standard : parsed.port)
    }

    /// Replaces the secret parts in a text.
    func redacting(_ text: String) -> String {
        secretParts.reduce(text) { $0.replacing($1.revealed, with: $1.description) }
    }
}
