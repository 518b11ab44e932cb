package import Dispatch

extension StringProtocol {
    /// The text without leading and trailing white space (Unicode White_Space, including no-break spaces).
    package var trimmed: String {
        var text = self[...]
        while text.first?.isWhitespace == true { text = text.dropFirst() }
        while text.last?.isWhitespace == true { text = text.dropLast() }
        return String(text)
    }
}

extension Duration {
    /// The duration for Dispatch in whole nanoseconds, clamped to 100 years so that it fits into 64 bits.
    package var dispatch: DispatchTimeInterval {
        let century = Duration.seconds(100 * 366 * 86_400)
        let (seconds, attoseconds) = Swift.min(Swift.max(self, .zero - century), century).components
        return .nanoseconds(Int(seconds) * 1_000_000_000 + Int(attoseconds / 1_000_000_000))
    }
}

extension Array where Element: Hashable {
    /// The elements without duplicates, in the order of first appearance.
    package var distinct: [Element] {
        var seen: Set<Element> = []
        return filter { seen.insert($0).inserted }
    }
}

extension Unicode.Scalar {
    /// ASCII only.
    package var isDigit: Bool { ("0"..."9").contains(self) }
    /// ASCII only.
    package var isLetter: Bool { ("a"..."z").contains(self) || ("A"..."Z").contains(self) }
    /// ASCII only.
    package var isLetterOrDigit: Bool { isLetter || isDigit }
}

extension String {
    /// Makes a text of scalars. `String.UnicodeScalarView` grows by one scalar after the other, which takes longer.
    package init(scalars: [Unicode.Scalar]) {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(scalars.count)
        for scalar in scalars {
            if scalar.isASCII { bytes.append(UInt8(ascii: scalar)) } else { bytes.append(contentsOf: scalar.utf8) }
        }
        self.init(decoding: bytes, as: UTF8.self)
    }
}
