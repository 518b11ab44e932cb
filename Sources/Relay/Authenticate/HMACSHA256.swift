import Alerts
import CCrypto
import RocketChat
import Support

/// HMAC-SHA-256 (RFC 2104) under a random key that lives as long as this value: what it makes of a password tells
/// nothing to whoever reads it elsewhere, and cannot be foreseen by whoever sends one.
struct HMACSHA256: Sendable {
    static let size = 32

    /// The first half of a digest, as a key of memories that hold many: 128 bits, under a key that no sender knows.
    struct Short: Sendable, Hashable {
        private let high: UInt64
        private let low: UInt64

        init(_ digest: [UInt8]) {
            high = digest[..<8].reduce(0) { $0 << 8 | UInt64($1) }
            low = digest[8..<16].reduce(0) { $0 << 8 | UInt64($1) }
        }
    }

    /// The one of this process, so that what one configuration remembers can be taken over by the next.
    static let ofProcess = HMACSHA256()

    private let key: [UInt8]

    init() {
        // The system's generator is the kernel's: getrandom(2).
        var random = SystemRandomNumberGenerator()
        key = (0..<Self.size).map { _ in random.next() }
    }

    /// The digest of two byte strings; the length of the first is digested too, so that bytes cannot move between them.
    func digest(_ first: [UInt8], _ second: [UInt8] = []) -> [UInt8] {
        let length = withUnsafeBytes(of: UInt64(first.count).littleEndian, Array.init)
        let message = length + first + second
        return [UInt8](unsafeUninitializedCapacity: Self.size) { digest, count in
            guard HMAC(EVP_sha256(), key, Int32(key.count), message, message.count, digest.baseAddress, nil) != nil
            else { fatalError("libcrypto failed to digest") }
            count = Self.size
        }
    }

    /// In a time that does not depend on where two digests differ.
    static func isEqual(_ one: [UInt8], _ other: [UInt8]) -> Bool {
        one.count == other.count && CRYPTO_memcmp(one, other, one.count) == 0
    }
}
