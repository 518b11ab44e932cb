/// Writes the numbers and texts of a history record. Integers are LEB128, with the sign in the lowest bit where they
/// have one.
struct HistoryWriter {
    private(set) var bytes: [UInt8] = []

    mutating func byte(_ value: UInt8) { bytes.append(value) }

    /// - Parameter value: a negative one counts as 0.
    mutating func count(_ value: Int) { variable(UInt64(max(0, value))) }

    mutating func integer(_ value: Int64) {
        variable(UInt64(bitPattern: value << 1) ^ UInt64(bitPattern: value >> 63))
    }

    /// Eight bytes in big-endian order.
    mutating func fixed(_ value: UInt64) {
        for shift in stride(from: 56, through: 0, by: -8) { bytes.append(UInt8(truncatingIfNeeded: value >> shift)) }
    }

    /// - Parameter limit: the maximum size in bytes. A longer text is cut before a character that exceeds it.
    mutating func text(_ text: String, limit: Int) {
        var end = text.utf8.endIndex
        if text.utf8.count > limit {
            end = text.utf8.index(text.utf8.startIndex, offsetBy: limit)
            while end > text.utf8.startIndex, text.utf8[end] & 0xC0 == 0x80 { end = text.utf8.index(before: end) }
        }
        let cut = text.utf8[..<end]
        count(cut.count)
        bytes += cut
    }

    private mutating func variable(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }
}

/// Reads what `HistoryWriter` writes. Each function returns nil at the end and for values out of range.
struct HistoryReader {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

    var isAtEnd: Bool { rest.isEmpty }

    mutating func byte() -> UInt8? { rest.popFirst() }

    mutating func count() -> Int? { variable().flatMap { Int(exactly: $0) } }

    mutating func integer() -> Int64? {
        variable().map { Int64(bitPattern: $0 >> 1) ^ -Int64(bitPattern: $0 & 1) }
    }

    mutating func fixed() -> UInt64? {
        guard rest.count >= 8 else { return nil }
        defer { rest.removeFirst(8) }
        return rest.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }

    mutating func text() -> String? {
        guard let size = count(), size <= rest.count else { return nil }
        defer { rest.removeFirst(size) }
        return String(decoding: rest.prefix(size), as: UTF8.self)
    }

    private mutating func variable() -> UInt64? {
        var value: UInt64 = 0
        for shift in stride(from: 0, to: 64, by: 7) {
            guard let byte = rest.popFirst() else { return nil }
            guard shift < 63 || byte <= 1 else { return nil }
            value |= UInt64(byte & 0x7F) << UInt64(shift)
            if byte < 0x80 { return value }
        }
        return nil
    }
}
