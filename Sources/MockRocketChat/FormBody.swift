import Support

/// An `application/x-www-form-urlencoded` body.
struct FormBody {
    private var fields: [(name: String, value: [UInt8])] = []

    init(_ bytes: [UInt8]) {
        for part in bytes.split(separator: UInt8(ascii: "&")) {
            let pair = part.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            let value = pair.count == 2 ? Self.decode(pair[1]) : []
            fields.append((String(decoding: Self.decode(pair[0]), as: UTF8.self), value))
        }
    }

    var names: [String] { fields.map(\.name) }

    subscript(name: String) -> [UInt8]? {
        fields.last { $0.name == name }?.value
    }

    /// Decodes `+` as a space. A `%` without two hexadecimal digits is kept.
    private static func decode(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        PercentEncoding.decode(bytes.map { $0 == UInt8(ascii: "+") ? 0x20 : $0 }).bytes
    }
}
