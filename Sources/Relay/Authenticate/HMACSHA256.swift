import CCrypto
import Support

/// HMAC-SHA-256 (RFC 2104) with a random key that lives as long as this value. A digest of a password reveals nothing
/// outside the process, and clients cannot predict it.
struct HMACSHA256: Sendable {
    static let size = 32

    /// The first 128 bits of a digest, as a key of large caches.
    struct Short: Sendable, Hashable {
        private let high: UInt64
        private let low: UInt64

        init(_ digest: [UInt8]) {
            high = digest[..<8].reduce(0) { $0 << 8 | UInt64($1) }
            low = digest[8..<16].reduce(0) { $0 << 8 | UInt64($1) }
        }
    }

    /// The key of this process. All configurations share it, so that a reload can copy cached digests.
    static let ofProcess = HMACSHA256()

    private let key: [UInt8]

    init() {
        // This generator uses getrandom(2).
        var random = SystemRandomNumberGenerator()
        key = (0..<Self.size).map { _ in random.next() }
    }

    /// The digest of two byte strings. It covers the length of the first, so that bytes cannot move between them.
    func digest(_ first: [UInt8], _ second: [UInt8] = []) -> [UInt8] {
        let length = withUnsafeBytes(of: UInt64(first.count).littleEndian, Array.init)
        let message = length + first + second
        return [UInt8](unsafeUninitializedCapacity: Self.size) { digest, count in
            guard HMAC(EVP_sha256(), key, Int32(key.count), message, message.count, digest.baseAddress, nil) != nil
            else { bug("libcrypto failed to digest") }
            count = Self.size
        }
    }

    /// Compares two digests in constant time.
    static func isEqual(_ one: [UInt8], _ other: [UInt8]) -> Bool {
        one.count == other.count && CRYPTO_memcmp(one, other, one.count) == 0
    }
}
