import CCrypto

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
