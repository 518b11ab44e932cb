/// The marks of a text for `marked`'s inline elements: where runs of marks begin and end, and what they can close.
struct MarkRuns {
    private let units: [UInt16]
    /// The text in which links, code and escaped marks are hidden from emphasis.
    private let masked: [UInt16]
    private(set) var steps = 0
    /// The end of the run of equal characters at each position, in the text and in the masked text.
    private let ends: [Int32]
    private let maskedEnds: [Int32]
    /// The starts of runs by their mark and length.
    private var starts: [Run: [Int]] = [:]
    /// The starts of the runs of `*` and of `_` that are not hidden.
    private var visible: [UInt16: [Int]] = [:]
    private(set) var atPositions: Positions

    private struct Run: Hashable {
        let mark: UInt16
        let length: Int
    }

    /// Sorted positions with binary search.
    struct Positions {
        let all: [Int]

        func index(from start: Int) -> Int {
            var (low, high) = (0, all.count)
            while low < high {
                let middle = (low + high) / 2
                if all[middle] < start { low = middle + 1 } else { high = middle }
            }
            return low
        }

        func next(from start: Int) -> Int? {
            let index = index(from: start)
            return index < all.count ? all[index] : nil
        }
    }

    /// An end of emphasis that is further away, in runs of marks, is not found. It bounds the work for each run.
    private static let reach = 64

    init(_ units: [UInt16]) {
        self.units = units
        masked = Self.masked(units)
        atPositions = Positions(all: units.indices.filter { units[$0] == UInt16(ascii: "@") })
        ends = Self.runEnds(units)
        maskedEnds = Self.runEnds(masked)
        for start in Self.runStarts(ends) where units[start] == UInt16(ascii: "`") || units[start] == UInt16(ascii: "~")
        {
            starts[Run(mark: units[start], length: Int(ends[start]) - start), default: []].append(start)
        }
        for start in Self.runStarts(maskedEnds)
        where masked[start] == UInt16(ascii: "*") || masked[start] == UInt16(ascii: "_") {
            visible[masked[start], default: []].append(start)
        }
    }

    private static func runEnds(_ units: [UInt16]) -> [Int32] {
        var ends = [Int32](repeating: Int32(units.count), count: units.count)
        for index in units.indices.dropLast().reversed() {
            ends[index] = units[index] == units[index + 1] ? ends[index + 1] : Int32(index + 1)
        }
        return ends
    }

    private static func runStarts(_ ends: [Int32]) -> [Int] {
        var starts: [Int] = []
        var index = 0
        while index < ends.count {
            starts.append(index)
            index = Int(ends[index])
        }
        return starts
    }

    func end(of start: Int) -> Int {
        Int(ends[start])
    }

    /// The start of the next run with the same mark and length. `accepts` checks the character before it.
    func nextRun(like start: Int, where accepts: (UInt16) -> Bool = { _ in true }) -> Int? {
        let end = end(of: start)
        let positions = Positions(all: starts[Run(mark: units[start], length: end - start)] ?? [])
        var index = positions.index(from: end)
        while index < positions.all.count {
            if accepts(units[positions.all[index] - 1]) { return positions.all[index] }
            index += 1
        }
        return nil
    }

    // MARK: Labels

    /// The bracket that closes the label which opens at `start`. A label may contain code, escapes and one more level
    /// of brackets.
    func labelEnd(_ start: Int) -> Int? {
        var index = start + 1
        var isNested = false
        while index < units.count {
            switch units[index] {
            case UInt16(ascii: "\\"): index += 1
            case UInt16(ascii: "`") where !isNested:
                index = units[(index + 1)...].firstIndex(of: UInt16(ascii: "`")) ?? units.count
            case UInt16(ascii: "["):
                if isNested { return nil }
                isNested = true
            case UInt16(ascii: "]"):
                if !isNested { return index }
                isNested = false
            default: break
            }
            index += 1
        }
        return nil
    }

    /// Hides `[label](url)`, code and escaped marks.
    private static func masked(_ units: [UInt16]) -> [UInt16] {
        var masked = units
        func hide(_ range: Range<Int>) {
            for index in range { masked[index] = UInt16(ascii: "a") }
        }
        var index = 0
        while index < units.count {
            switch units[index] {
            case UInt16(ascii: "\\") where index + 1 < units.count && units[index + 1].isASCIIPunctuation:
                for hidden in index...(index + 1) { masked[hidden] = UInt16(ascii: "+") }
                index += 2
            case UInt16(ascii: "`"):
                guard let close = units[(index + 1)...].firstIndex(of: UInt16(ascii: "`")) else { return masked }
                hide(index..<(close + 1))
                index = close + 1
            case UInt16(ascii: "["):
                let close = units[(index + 1)...].firstIndex { $0 == UInt16(ascii: "]") || $0 == UInt16(ascii: "[") }
                if let close, units[close] == UInt16(ascii: "]"), close + 1 < units.count,
                    units[close + 1] == UInt16(ascii: "("),
                    let end = units[(close + 2)...].firstIndex(where: {
                        $0 == UInt16(ascii: ")") || $0 == UInt16(ascii: "(")
                    }),
                    units[end] == UInt16(ascii: ")")
                {
                    hide((index + 1)..<end)
                    index = end + 1
                } else {
                    index += 1
                }
            default: index += 1
            }
        }
        return masked
    }

    // MARK: Emphasis

    /// The span of emphasis that the run at `start` opens, and the marks at each of its ends: one or two.
    mutating func emphasis(at start: Int, previous: UInt16?) -> (marks: Int, end: Int)? {
        let mark = units[start]
        let open = end(of: start)
        guard open < units.count, !units[open].isHTMLSpace else { return nil }
        let isBeforePunctuation = units[open].isMarkedPunctuation
        if mark == UInt16(ascii: "_"), !isBeforePunctuation, previous?.isLetterOrNumber == true { return nil }
        if isBeforePunctuation, let previous, !previous.isMarkedPunctuation, !previous.isHTMLSpace { return nil }
        let length = open - start
        var total = length
        var middle = 0
        let positions = Positions(all: visible[mark] ?? [])
        var index = positions.index(from: open)
        let last = min(positions.all.count, index + Self.reach)
        while index < last {
            steps += 1
            let run = positions.all[index]
            index += 1
            var runLength = Int(maskedEnds[run]) - run
            switch side(run, runLength, mark) {
            case .none: continue
            case .left:
                total += runLength
                continue
            case .both where length % 3 != 0 && (length + runLength) % 3 == 0:
                middle += runLength
                continue
            case .both, .right: break
            }
            total -= runLength
            if total > 0 { continue }
            runLength = min(runLength, runLength + total + middle)
            let marks = min(length, runLength) % 2 == 1 ? 1 : 2
            return (marks, run + runLength)
        }
        return nil
    }

    private enum Side { case left, right, both, none }

    /// What a run can do, by the characters around it.
    private func side(_ start: Int, _ length: Int, _ mark: UInt16) -> Side {
        let before = masked[start - 1]
        let after = start + length < masked.count ? masked[start + length] : 0x20
        let (isSpaceBefore, isSpaceAfter) = (before.isHTMLSpace, after.isHTMLSpace)
        let isMarkBefore = before.isMarkedPunctuation || Self.isOther(before, than: mark)
        let isMarkAfter = after.isMarkedPunctuation || Self.isOther(after, than: mark)
        switch (isSpaceBefore, isSpaceAfter) {
        case (true, true): return .none
        case (true, false): return .left
        case (false, true): return .right
        case (false, false): break
        }
        switch (isMarkBefore, isMarkAfter) {
        case (true, true): return .both
        case (true, false): return .left
        case (false, true): return .right
        case (false, false): return mark == UInt16(ascii: "*") ? .both : .none
        }
    }

    /// The other mark of emphasis counts as punctuation.
    private static func isOther(_ unit: UInt16, than mark: UInt16) -> Bool {
        (unit == UInt16(ascii: "*") || unit == UInt16(ascii: "_")) && unit != mark
    }
}

extension UInt16 {
    /// Punctuation for the rules of emphasis. The backslash and the marks are not part of it.
    var isMarkedPunctuation: Bool {
        isASCIIPunctuation && self != UInt16(ascii: "\\") && self != UInt16(ascii: "*") && self != UInt16(ascii: "_")
    }

    var isLetterOrNumber: Bool {
        guard let scalar = Unicode.Scalar(self) else { return false }
        return scalar.properties.isAlphabetic || scalar.properties.numericType != nil
    }
}
