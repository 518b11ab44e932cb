/// A parameter of a statement, in PostgreSQL's binary format.
package enum PostgreSQLValue: Sendable, Equatable {
    case bool(Bool)
    case integer(Int64)
    /// NUL is removed: PostgreSQL's texts cannot contain it.
    case text(String?)
    case bytes([UInt8])
    case bools([Bool])
    case smallIntegers([Int16])
    case integers([Int64])
    case optionalIntegers([Int64?])
    /// NUL is removed.
    case texts([String?])
    case byteArrays([[UInt8]?])

    /// The object identifier of the type (PostgreSQL's `pg_type.dat`).
    var type: UInt32 {
        switch self {
        case .bool: 16
        case .integer: 20
        case .text: 25
        case .bytes: 17
        case .bools: 1000
        case .smallIntegers: 1005
        case .integers, .optionalIntegers: 1016
        case .texts: 1009
        case .byteArrays: 1001
        }
    }

    /// The binary format; nil for NULL.
    var encoded: [UInt8]? {
        switch self {
        case .bool(let value): return [value ? 1 : 0]
        case .integer(let value): return value.bigEndianBytes
        case .text(let value): return value.map(Self.utf8)
        case .bytes(let value): return value
        case .bools(let values): return Self.array(16, values) { [$0 ? 1 : 0] }
        case .smallIntegers(let values): return Self.array(21, values) { $0.bigEndianBytes }
        case .integers(let values): return Self.array(20, values) { $0.bigEndianBytes }
        case .optionalIntegers(let values): return Self.array(20, values) { $0?.bigEndianBytes }
        case .texts(let values): return Self.array(25, values) { $0.map(Self.utf8) }
        case .byteArrays(let values): return Self.array(17, values) { $0 }
        }
    }

    private static func utf8(_ text: String) -> [UInt8] { text.utf8.filter { $0 != 0 } }

    /// An array of one dimension: the number of dimensions, whether there is NULL, the elements' type, their number and
    /// the first index, then each element after its size.
    private static func array<Element>(
        _ type: UInt32, _ elements: [Element], _ encode: (Element) -> [UInt8]?
    ) -> [UInt8] {
        var bytes: [UInt8] = []
        let values = elements.map(encode)
        let hasNull = values.contains { $0 == nil }
        let header = elements.isEmpty ? [0, 0, type] : [1, hasNull ? 1 : 0, type, UInt32(clamping: elements.count), 1]
        for word in header { bytes += word.bigEndianBytes }
        for value in values {
            guard let value else {
                bytes += Int32(-1).bigEndianBytes
                continue
            }
            bytes += Int32(clamping: value.count).bigEndianBytes
            bytes += value
        }
        return bytes
    }
}

extension FixedWidthInteger {
    var bigEndianBytes: [UInt8] { withUnsafeBytes(of: bigEndian) { [UInt8]($0) } }
}
