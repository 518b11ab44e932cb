import Foundation
import TestSupport

/// Bodies compressed with the program gzip.
enum Packed {
    static func gzip(_ bytes: [UInt8]) -> [UInt8] {
        let folder = TemporaryFolder()
        let file = URL(filePath: folder.path + "/body")
        do {
            try Data(bytes).write(to: file)
            guard try Program("gzip", ["-9", file.path]).exitCode() == 0 else { preconditionFailure("gzip failed") }
            return [UInt8](try Data(contentsOf: file.appendingPathExtension("gz")))
        } catch {
            preconditionFailure("\(error)")
        }
    }
}

/// A ClientHello for TLS 1.2. The server's response needs a signature, which is expensive.
enum ClientHello {
    static let bytes: [UInt8] = {
        let suites: [UInt8] = [0xC0, 0x2B, 0xC0, 0x2F, 0xC0, 0x2C, 0xC0, 0x30]
        let extensions: [UInt8] =
            [0x00, 0x0A, 0x00, 0x06, 0x00, 0x04, 0x00, 0x17, 0x00, 0x1D]  // Groups: P-256, X25519.
            + [0x00, 0x0B, 0x00, 0x02, 0x01, 0x00]  // Uncompressed points.
            + [0x00, 0x0D, 0x00, 0x08, 0x00, 0x06, 0x04, 0x03, 0x08, 0x04, 0x04, 0x01]  // Signatures.
        let random = [UInt8](repeating: 0x5A, count: 32)
        let body =
            [0x03, 0x03] + random + [0] + word(suites.count) + suites + [1, 0] + word(extensions.count) + extensions
        let handshake = [0x01, 0x00] + word(body.count) + body
        return [0x16, 0x03, 0x01] + word(handshake.count) + handshake
    }()

    /// The start of a ClientHello of 128 KiB, which OpenSSL allocates at once.
    static let announcement: [UInt8] = [0x16, 0x03, 0x01, 0x00, 0x04, 0x01, 0x02, 0x00, 0x00]

    private static func word(_ value: Int) -> [UInt8] { [UInt8(value >> 8), UInt8(value & 0xFF)] }
}
