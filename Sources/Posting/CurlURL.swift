package import Alerts
import CLibcurl
import Support

/// The host and port of a URL as libcurl reads them, so that checks judge the server that posts go to.
package struct CurlURL {
    /// Why libcurl refuses an authority.
    package enum Invalid: Error {
        case host
        case port
    }

    /// In lower case, with an IPv4 address in full; an IPv6 address without brackets and zone.
    package let host: String
    /// Empty if the URL has none.
    package let port: String

    /// Parses an absolute URL. Fails if libcurl would not post to it.
    package init(_ text: String) throws(Invalid) {
        guard let url = curl_url() else { bug("no memory for a URL") }
        defer { curl_url_cleanup(url) }
        switch curl_url_set(url, CURLUPART_URL, text, UInt32(CURLU_PATH_AS_IS)) {
        case CURLUE_OK: break
        case CURLUE_BAD_PORT_NUMBER: throw .port
        default: throw .host
        }
        host = Self.part(CURLUPART_HOST, of: url).lowercased().filter { !"[]".contains($0) }
        port = Self.part(CURLUPART_PORT, of: url)
    }

    /// Checks the host and port of an authority without its login.
    ///
    /// libcurl ignores an empty port, accepts port 0, and reads `https:///a/b` as host `a`. Each of these is a
    /// typing error, so they are refused here.
    package static func check(authority: Substring) throws(Invalid) {
        let isLiteral = authority.hasPrefix("[")
        let name = authority.prefix { isLiteral ? $0 != "]" : $0 != ":" }
        guard name.count > (isLiteral ? 1 : 0), !isLiteral || authority.contains("]") else { throw .host }
        let afterName = authority.dropFirst(name.count + (isLiteral ? 1 : 0))
        guard afterName.isEmpty || isPort(afterName) else { throw .port }
    }

    private static func isPort(_ text: Substring) -> Bool {
        guard text.first == ":", let url = curl_url() else { return false }
        defer { curl_url_cleanup(url) }
        return curl_url_set(url, CURLUPART_PORT, String(text.dropFirst()), 0) == CURLUE_OK
    }

    private static func part(_ part: CURLUPart, of url: OpaquePointer) -> String {
        var text: UnsafeMutablePointer<CChar>?
        guard curl_url_get(url, part, &text, 0) == CURLUE_OK, let text else { return "" }
        defer { curl_free(text) }
        return String(cString: text)
    }
}

/// HTTP dates.
package enum HTTPDate {
    /// Parses an HTTP-date in any of the three forms of RFC 9110 section 5.6.7; nil if the text is not one.
    package static func parse(_ text: String) -> Timestamp? {
        let seconds = curl_getdate(text, nil)
        return seconds < 0 ? nil : Timestamp(seconds: Int64(seconds), nanoseconds: 0)
    }
}
