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
        // Every token is compared, and each to its end: the time taken tells nothing about which byte was wrong.
        return tokens.map { Self.isEqual($0, field.credentials) }.contains(true)
    }

    private static func isEqual(_ token: [UInt8], _ given: [UInt8]) -> Bool {
        var difference = token.count == given.count ? 0 : UInt8(1)
        for (index, byte) in token.enumerated() {
            difference |= byte ^ (index < given.count ? given[index] : ~byte)
        }
        return difference == 0
    }
}
