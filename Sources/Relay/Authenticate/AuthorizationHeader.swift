import CCrypto
import Support

/// A parsed `Authorization` header field: the scheme and its credentials (RFC 9110 section 11.4).
struct AuthorizationField {
    /// In lower case: schemes are case-insensitive.
    let scheme: String
    /// Without leading spaces; never empty.
    let credentials: [UInt8]

    init?(_ field: String) {
        let bytes = field.utf8
        guard let space = bytes.firstIndex(of: UInt8(ascii: " ")) else { return nil }
        scheme = field[..<space].lowercased()
        credentials = Array(bytes[space...].drop { $0 == UInt8(ascii: " ") })
        if credentials.isEmpty { return nil }
    }
}

/// The credentials of `Authorization: Basic` (RFC 7617). Users are compared as bytes, without Unicode normalization.
struct BasicCredentials: Sendable, Equatable {
    let user: [UInt8]
    /// Never empty, and without control characters.
    let password: [UInt8]

    /// - Parameter authorization: the request's `Authorization` field.
    ///
    /// Returns nil if there are no credentials to check: another scheme, invalid Base64, no colon, an empty password,
    /// or a control character (forbidden by RFC 7617 section 2). A NUL must be rejected: it ends a C string, so bytes
    /// after it would not be checked.
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

/// Base64 (RFC 4648 section 4), decoded by libcrypto.
enum Base64 {
    /// Decodes a text. Returns nil unless it consists of groups of four with padding.
    static func decode(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        let padding = text.reversed().prefix { $0 == UInt8(ascii: "=") }.count
        // libcrypto ignores white space at both ends and reads `=` as zero anywhere.
        guard text.count % 4 == 0, padding <= 2, text.dropLast(padding).allSatisfy(isDigit) else { return nil }
        let size = text.count / 4 * 3
        var decoded = [UInt8](repeating: 0, count: size)
        let written = text.withUnsafeBufferPointer { EVP_DecodeBlock(&decoded, $0.baseAddress, Int32($0.count)) }
        guard written == size else { return nil }
        decoded.removeLast(padding)
        return decoded
    }

    static func encode(_ bytes: [UInt8]) -> String {
        var text = [UInt8](repeating: 0, count: (bytes.count + 2) / 3 * 4 + 1)
        let count = EVP_EncodeBlock(&text, bytes, Int32(bytes.count))
        return String(decoding: text.prefix(Int(count)), as: UTF8.self)
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "/"):
            true
        default: false
        }
    }
}

/// Authenticates webhook requests by bearer token.
struct BearerAuthentication: Sendable {
    /// Any of these tokens is accepted, so a new token can be added before the old one is removed. Without tokens every
    /// request is accepted.
    private let tokens: [[UInt8]]

    init(tokens: [Secret]) {
        self.tokens = tokens.map { Array($0.revealed.utf8) }
    }

    var isEmpty: Bool { tokens.isEmpty }

    /// - Parameter authorization: the request's `Authorization` field (RFC 6750 section 2.1).
    func admits(authorization: String?) -> Bool {
        if tokens.isEmpty { return true }
        guard let authorization, let field = AuthorizationField(authorization), field.scheme == "bearer" else {
            return false
        }
        return admits(token: field.credentials)
    }

    /// Whether a token is one of these. False without tokens.
    func admits(token given: Secret) -> Bool { admits(token: Array(given.revealed.utf8)) }

    /// Compares every token in constant time, so that the time does not depend on which token or byte differs.
    func admits(token given: [UInt8]) -> Bool {
        tokens.map { $0.count == given.count && CRYPTO_memcmp($0, given, $0.count) == 0 }.contains(true)
    }
}
