/// States causes that the texts of libcurl and OpenSSL do not name.
enum CurlText {
    /// The text, preceded by its cause if a known one fits.
    ///
    /// - Parameter proxy: host and port of the proxy, in lower case; nil if none is used.
    static func explained(_ text: String, proxy: (host: String, port: String)? = nil) -> String {
        cause(of: text, proxy).map { "\($0): \(text)" } ?? text
    }

    private static func cause(of text: String, _ proxy: (host: String, port: String)?) -> String? {
        // OpenSSL reads an HTTP response as a TLS record of an unknown version.
        if text.contains("wrong version number") { return "the server does not use TLS on this port" }
        // A TLS alert has no status line.
        if text.contains("HTTP/0.9") { return "the server does not use plain HTTP on this port" }
        if text.contains("CONNECT tunnel failed") { return "the proxy refuses the connection" }
        if let proxy, text.lowercased().contains("connect to \(proxy.host) port \(proxy.port) ") {
            return "the proxy cannot be reached"
        }
        return nil
    }
}
