/// An `Authorization` field taken apart: a scheme, spaces, and what the scheme makes of the rest (RFC 9110 section 11.4).
struct AuthorizationField {
    /// In lower case, since schemes are alike in either.
    let scheme: String
    /// Without the spaces before it; never empty.
    let credentials: [UInt8]

    init?(_ field: String) {
        let bytes = field.utf8
        guard let space = bytes.firstIndex(of: UInt8(ascii: " ")) else { return nil }
        scheme = field[..<space].lowercased()
        credentials = Array(bytes[space...].drop { $0 == UInt8(ascii: " ") })
        if credentials.isEmpty { return nil }
    }
}
