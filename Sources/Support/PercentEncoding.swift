/// Percent-encoding (RFC 3986 section 2.1).
package enum PercentEncoding {
    /// Returns the decoded bytes, and whether each `%` is followed by two hexadecimal digits. Copies other `%` unchanged.
    package static func decode(_ encoded: some Collection<UInt8>) -> (bytes: [UInt8], isWellFormed: Bool) {
        let input = Array(encoded)
        var output: [UInt8] = []
        var isWellFormed = true
        var index = 0
        while index < input.count {
            if input[index] == UInt8(ascii: "%") {
                if index + 2 < input.count, let high = digit(input[index + 1]), let low = digit(input[index + 2]) {
                    output.append(high << 4 | low)
                    index += 3
                    continue
                }
                isWellFormed = false
            }
            output.append(input[index])
            index += 1
        }
        return (output, isWellFormed)
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
