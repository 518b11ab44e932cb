/// What a client sends with `Authorization: Basic` (RFC 7617). Bytes, not text: two spellings of one letter are two users.
struct BasicCredentials: Sendable, Equatable {
    let user: [UInt8]
    /// Never empty, and without control characters.
    let password: [UInt8]

    /// - Parameter authorization: the request's `Authorization` field.
    ///
    /// Nil where there are no credentials to check: the scheme is another, the Base64 is damaged, the colon is missing,
    /// the password is empty, or there is a control character, which RFC 7617 section 2 forbids. A NUL must not get
    /// through above all: it ends a C string, so that a password would be taken with anything behind it.
    init?(authorization: String?) {
        guard let authorization, let field = AuthorizationField(authorization), field.scheme == "basic",
            let bytes = Base64.decode(field.credentials[...]), !bytes.contains(where: { $0 < 0x20 || $0 == 0x7F }),
            let colon = bytes.firstIndex(of: UInt8(ascii: ":")), colon < bytes.endIndex - 1
        else { return nil }
        user = Array(bytes[..<colon])
        password = Array(bytes[(colon + 1)...])
    }
}

extension BasicCredentials: CustomStringConvertible, CustomReflectable {
    var description: String { "<secret>" }
    var customMirror: Mirror { Mirror(self, children: []) }
}
