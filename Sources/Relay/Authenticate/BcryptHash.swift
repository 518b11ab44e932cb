import CCrypt
import CCrypto
import Glibc
import Support

/// A bcrypt hash as `htpasswd -B` writes it: `$2y$10$`, 22 digits of salt, 31 digits of digest.
struct BcryptHash: Sendable, Equatable {
    /// The accepted costs. Each step doubles the time of a check. bcrypt allows 4 to 31. At 14 a check takes a second,
    /// and any client that reaches the port can cause one: with higher costs a few requests would block other senders
    /// for minutes. `htpasswd` uses 5, the Prometheus guide 10.
    static let costs = 4...14
    /// bcrypt ignores the bytes of a password after these, as in Prometheus.
    static let passwordLimit = 72

    enum FormatError: Error, Equatable {
        case form
        case cost(Int)
    }

    /// libcrypt failed: out of memory, or the hash method is disabled on this system.
    struct Failure: Error, Equatable {
        /// The errno(3) value.
        let code: Int32
    }

    /// Three prefixes of one algorithm. `$2x$` and `$2$` come from faulty implementations and are obsolete.
    private static let forms = ["$2a$", "$2b$", "$2y$"].map { Array($0.utf8) }
    private static let digestSize = 31

    private let text: [UInt8]
    let cost: Int

    init(_ text: some StringProtocol) throws(FormatError) {
        let bytes = Array(text.utf8)
        guard bytes.count == 60, Self.forms.contains(where: { bytes.starts(with: $0) }), bytes[6] == UInt8(ascii: "$"),
            bytes[7...].allSatisfy(Self.isDigit), bytes[4...5].allSatisfy({ (0x30...0x39).contains($0) })
        else { throw .form }
        let cost = Int(bytes[4] - 0x30) * 10 + Int(bytes[5] - 0x30)
        guard (4...31).contains(cost) else { throw .form }
        guard Self.costs.contains(cost) else { throw .cost(cost) }
        self.text = bytes
        self.cost = cost
    }

    /// Whether the password matches this hash. Takes milliseconds to a second, by the cost. Must not be called on the
    /// loop.
    ///
    /// - Precondition: the password contains no NUL.
    func matches(_ password: [UInt8]) throws(Failure) -> Bool {
        expect(!password.contains(0), "the password contains a NUL")
        let phrase = (password.prefix(Self.passwordLimit) + [0]).map { CChar(bitPattern: $0) }
        let setting = (text + [0]).map { CChar(bitPattern: $0) }
        var work: UnsafeMutableRawPointer?
        var size: Int32 = 0
        defer { free(work) }
        guard let hash = crypt_ra(phrase, setting, &work, &size) else { throw Failure(code: errno) }
        let computed = Array(UnsafeRawBufferPointer(start: hash, count: strlen(hash)))
        guard computed.count == text.count else { throw Failure(code: EINVAL) }
        // Compare the digest without the salt: libcrypt clears the unused bits in the last character of the salt, other
        // programs do not.
        return CRYPTO_memcmp(computed.suffix(Self.digestSize), text.suffix(Self.digestSize), Self.digestSize) == 0
    }

    /// The Base64 alphabet of bcrypt.
    private static func isDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: ".")...UInt8(ascii: "9"):
            true
        default: false
        }
    }
}
