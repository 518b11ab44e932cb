import Alerts
import CCrypto
import Journaling
import RocketChat
import SQLiteJournal
import Support

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

/// Base64 as RFC 4648 section 4 has it, by libcrypto.
enum Base64 {
    /// The bytes that a text stands for; nil where it is not whole groups of four with their padding.
    static func decode(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        let padding = text.reversed().prefix { $0 == UInt8(ascii: "=") }.count
        // libcrypto passes over white space at both ends and takes `=` anywhere for a zero.
        guard text.count % 4 == 0, padding <= 2, text.dropLast(padding).allSatisfy(isDigit) else { return nil }
        let size = text.count / 4 * 3
        var decoded = [UInt8](repeating: 0, count: size)
        let written = text.withUnsafeBufferPointer { EVP_DecodeBlock(&decoded, $0.baseAddress, Int32($0.count)) }
        guard written == size else { return nil }
        decoded.removeLast(padding)
        return decoded
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

/// Tells whether a request may post webhooks.
struct BearerAuthentication: Sendable {
    /// The tokens of which any will do, so that one can be rotated in before the other goes; empty admits everyone.
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
        // Compares every token in constant time, so that the time does not depend on which token or byte differs.
        return tokens.map { token in
            token.count == field.credentials.count
                && CRYPTO_memcmp(token, field.credentials, token.count) == 0
        }.contains(true)
    }
}
