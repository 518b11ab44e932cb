/// Protects forms against requests that other sites make with a browser's credentials.
enum FormGuard {
    /// The token of a form for a client with this `Authorization` field. Other credentials have another token, and so
    /// does another process.
    static func token(authorization: String?) -> String {
        let digest = HMACSHA256.ofProcess.digest(Array("status form".utf8), Array((authorization ?? "").utf8))
        return digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    static func isValid(_ token: String?, authorization: String?) -> Bool {
        HMACSHA256.isEqual(Array((token ?? "").utf8), Array(self.token(authorization: authorization).utf8))
    }

    /// Whether a browser says that another site made the request. Clients that are not browsers say nothing.
    ///
    /// - Parameters:
    ///   - site: the `Sec-Fetch-Site` field, which browsers send over TLS and to the local host.
    ///   - origin: the `Origin` field, which browsers send with each POST.
    ///   - host: the `Host` field. Only its name counts, because a proxy may remove the port.
    static func isForeign(site: String?, origin: String?, host: String?) -> Bool {
        if let site, site != "same-origin", site != "none" { return true }
        guard let origin else { return false }
        guard let start = origin.firstRange(of: "://"), let host else { return true }
        return name(origin[start.upperBound...]) != name(host[...])
    }

    /// The name of `name:port` in lower case. An IPv6 address is in brackets.
    private static func name(_ authority: Substring) -> String {
        if authority.hasPrefix("["), let end = authority.firstIndex(of: "]") { return authority[...end].lowercased() }
        return authority.prefix { $0 != ":" }.lowercased()
    }
}
