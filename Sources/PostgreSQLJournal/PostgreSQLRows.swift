import CPostgreSQL

/// The rows of a statement, in PostgreSQL's binary format.
package final class PostgreSQLRows {
    private let result: OpaquePointer

    /// - Parameter result: a result of libpq, which this object frees.
    init(_ result: OpaquePointer) {
        self.result = result
    }

    deinit { PQclear(result) }

    package var count: Int { Int(PQntuples(result)) }

    private func value(_ row: Int, _ column: Int) -> UnsafeRawBufferPointer? {
        let (row, column) = (Int32(clamping: row), Int32(clamping: column))
        // libpq returns nil for a row or column that does not exist.
        guard PQgetisnull(result, row, column) == 0, let start = PQgetvalue(result, row, column) else { return nil }
        return UnsafeRawBufferPointer(start: start, count: Int(max(0, PQgetlength(result, row, column))))
    }

    /// An integer of 16, 32 or 64 bits; nil for NULL.
    package func integerIfAny(
        _ row: Int, _ column: Int, in range: ClosedRange<Int64>
    ) throws(PostgreSQLFailure) -> Int64? {
        guard let bytes = value(row, column) else { return nil }
        let number: Int64
        switch bytes.count {
        case 2: number = Int64(Int16(bigEndian: bytes.loadUnaligned(as: Int16.self)))
        case 4: number = Int64(Int32(bigEndian: bytes.loadUnaligned(as: Int32.self)))
        case 8: number = Int64(bigEndian: bytes.loadUnaligned(as: Int64.self))
        default: throw Self.unexpected
        }
        guard range.contains(number) else { throw Self.unexpected }
        return number
    }

    /// Fails if the value is NULL or outside the range.
    package func integer(
        _ row: Int, _ column: Int, in range: ClosedRange<Int64> = .min ... .max
    ) throws(PostgreSQLFailure) -> Int64 {
        guard let number = try integerIfAny(row, column, in: range) else { throw Self.unexpected }
        return number
    }

    package func bool(_ row: Int, _ column: Int) throws(PostgreSQLFailure) -> Bool {
        guard let bytes = value(row, column), bytes.count == 1 else { throw Self.unexpected }
        return bytes[0] != 0
    }

    /// An array of one dimension without NULL. Fails if it has another number of elements.
    package func bools(_ row: Int, _ column: Int, count: Int) throws(PostgreSQLFailure) -> [Bool] {
        guard let bytes = value(row, column) else { throw Self.unexpected }
        // The header has 20 bytes, or 12 if there are no elements; each element has its size in front.
        if count == 0, bytes.count == 12 { return [] }
        guard bytes.count == 20 + 5 * count else { throw Self.unexpected }
        return (0..<count).map { bytes[20 + 5 * $0 + 4] != 0 }
    }

    /// An array of 64-bit integers of one dimension without NULL; nil for NULL. Fails if it has more elements.
    package func integers(_ row: Int, _ column: Int, atMost limit: Int) throws(PostgreSQLFailure) -> [Int64]? {
        guard let bytes = value(row, column) else { return nil }
        if bytes.count == 12 { return [] }
        let (count, rest) = max(0, bytes.count - 20).quotientAndRemainder(dividingBy: 12)
        guard bytes.count >= 20, rest == 0, count <= limit else { throw Self.unexpected }
        return (0..<count).map {
            Int64(bigEndian: bytes.loadUnaligned(fromByteOffset: 20 + 12 * $0 + 4, as: Int64.self))
        }
    }

    /// Nil for NULL.
    package func bytes(_ row: Int, _ column: Int) -> [UInt8]? { value(row, column).map { [UInt8]($0) } }

    /// Nil for NULL. Invalid UTF-8 is repaired.
    package func text(_ row: Int, _ column: Int) -> String? {
        value(row, column).map { String(decoding: $0, as: UTF8.self) }
    }

    private static var unexpected: PostgreSQLFailure {
        PostgreSQLFailure(.other, message: "the database returned an unexpected value", keepsConnection: true)
    }
}
