/// Finds the places in a text that only a look at the whole word shows to need breaking.
enum TokenSeams {
    /// The indices after which a breaker must stand: in emoticons and, where asked for, the dots of what the clients
    /// would turn into a link because it looks like a domain or an address (`node1.prod.com`, `10.0.0.1`).
    static func find(in scalars: [Unicode.Scalar], breaksAddresses: Bool) -> Set<Int> {
        var seams: Set<Int> = []
        for token in tokens(of: scalars) {
            if isEmoticon(scalars[token]) { seams.insert(token.lowerBound) }
            guard breaksAddresses, isAddress(scalars[token]) else { continue }
            for index in token.dropLast() where scalars[index] == "." && continuesName(scalars[index + 1]) {
                seams.insert(index)
            }
        }
        return seams
    }

    private static func tokens(of scalars: [Unicode.Scalar]) -> [Range<Int>] {
        var tokens: [Range<Int>] = []
        var start = 0
        for index in 0...scalars.count where index == scalars.count || scalars[index] == " " || scalars[index] == "\n" {
            if index > start { tokens.append(start..<index) }
            start = index + 1
        }
        return tokens
    }

    /// Whether it could be one of the emoticons that are replaced when they stand alone: `:)`, `8)`, `</3`, `-_-`.
    private static func isEmoticon(_ token: ArraySlice<Unicode.Scalar>) -> Bool {
        (2...5).contains(token.count) && token.allSatisfy(emoticonScalars.contains)
            && token.contains(where: emoticonMarks.contains) && !token.allSatisfy(comparisonScalars.contains)
    }

    private static let emoticonScalars = Set(":;=8BXxDPpOobL03yÞ()[]{}<>/\\|*$#@%^'.-_".unicodeScalars)
    /// Of these alone are comparisons and arrows, `<=` and `->`.
    private static let comparisonScalars = Set("<>=-".unicodeScalars)
    private static let emoticonMarks = Set(":;=()[]<>_*\\".unicodeScalars)

    private static func isAddress(_ token: ArraySlice<Unicode.Scalar>) -> Bool {
        hasTopLevel(token) || hasFourNumbers(token)
    }

    /// Whether a dot with something before it is followed by two letters, the least that a top-level domain has.
    private static func hasTopLevel(_ token: ArraySlice<Unicode.Scalar>) -> Bool {
        token.indices.dropFirst().dropLast(2).contains { index in
            token[index] == "." && isNameLetter(token[index + 1]) && isNameLetter(token[index + 2])
        }
    }

    private static func hasFourNumbers(_ token: ArraySlice<Unicode.Scalar>) -> Bool {
        var numbers = 0
        var previous: Unicode.Scalar = " "
        for scalar in token {
            if scalar.isDigit {
                if !previous.isDigit { numbers = previous == "." ? numbers + 1 : 1 }
                if numbers == 4 { return true }
            } else if scalar != "." || !previous.isDigit {
                numbers = 0
            }
            previous = scalar
        }
        return false
    }

    private static func isNameLetter(_ scalar: Unicode.Scalar) -> Bool {
        scalar.isLetter || !scalar.isASCII
    }

    private static func continuesName(_ scalar: Unicode.Scalar) -> Bool {
        isNameLetter(scalar) || scalar.isDigit || scalar == "-" || scalar == "_"
    }
}
