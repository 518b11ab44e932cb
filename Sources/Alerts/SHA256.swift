import CCrypto
import Support

/// SHA-256 (FIPS 180-4) by libcrypto. One a thread.
///
/// The algorithm is looked up once: libcrypto's one-call functions do so for every digest, which takes longer than the
/// digest of a webhook.
package final class SHA256 {
    /// The bytes of a digest.
    package static let size = 32

    private let algorithm: OpaquePointer
    private let context: OpaquePointer

    package init() {
        guard let algorithm = EVP_MD_fetch(nil, "SHA256", nil), let context = EVP_MD_CTX_new() else {
            bug("libcrypto does not provide SHA-256")
        }
        self.algorithm = algorithm
        self.context = context
    }

    deinit {
        EVP_MD_CTX_free(context)
        EVP_MD_free(algorithm)
    }

    package func digest(of bytes: UnsafeRawBufferPointer) -> [UInt8] {
        begin()
        update(bytes)
        return finish()
    }

    /// Begins a digest whose bytes come in pieces; ends the one under way.
    package func begin() {
        guard EVP_DigestInit_ex2(context, algorithm, nil) == 1 else { bug("libcrypto failed to digest") }
    }

    package func update(_ bytes: UnsafeRawBufferPointer) {
        guard EVP_DigestUpdate(context, bytes.baseAddress, bytes.count) == 1 else {
            bug("libcrypto failed to digest")
        }
    }

    package func finish() -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: Self.size) { digest, count in
            guard EVP_DigestFinal_ex(context, digest.baseAddress, nil) == 1 else {
                bug("libcrypto failed to digest")
            }
            count = Self.size
        }
    }
}
