import CCrypto
import Support

/// Computes SHA-256 digests (FIPS 180-4) with libcrypto. An object must not be used by two threads at once.
///
/// The algorithm is fetched once: libcrypto's one-shot functions fetch it for each digest, which takes longer than
/// digesting a webhook.
package final class SHA256 {
    /// The size of a digest in bytes.
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

    /// Returns the digest of `bytes`: 32 bytes.
    package func digest(of bytes: UnsafeRawBufferPointer) -> [UInt8] {
        begin()
        update(bytes)
        return finish()
    }

    /// Starts an incremental digest. Discards a digest that was started before.
    package func begin() {
        guard EVP_DigestInit_ex2(context, algorithm, nil) == 1 else { bug("libcrypto failed to digest") }
    }

    /// Adds bytes to the digest. `begin()` must be called first.
    package func update(_ bytes: UnsafeRawBufferPointer) {
        guard EVP_DigestUpdate(context, bytes.baseAddress, bytes.count) == 1 else {
            bug("libcrypto failed to digest")
        }
    }

    /// Ends the digest and returns it: 32 bytes.
    package func finish() -> [UInt8] {
        finish { Array($0) }
    }

    /// Ends the digest and passes its 32 bytes to `body`.
    func finish<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        withUnsafeTemporaryAllocation(byteCount: Self.size, alignment: 1) { digest in
            guard EVP_DigestFinal_ex(context, digest.baseAddress, nil) == 1 else {
                bug("libcrypto failed to digest")
            }
            return body(UnsafeRawBufferPointer(digest))
        }
    }
}
