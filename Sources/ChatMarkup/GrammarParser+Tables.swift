import Support

/// The blocks of 9.0: tables and rules.
extension GrammarParser {
    /// The position behind a line of three or more equal marks, which is a rule.
    func ruleEnd(_ start: Int) -> Int? {
        let first = scan.blanksEnd(start)
        guard "-*_".utf16.contains(scan[first]), first < scan.end else { return nil }
        let last = Int(scan.sameRunEnds[first])
        guard last - first >= 3 else { return nil }
        let end = scan.blanksEnd(last)
        return end == scan.end ? end : scan.lineEnd(at: end)
    }

    /// A header row, a row of dashes and further rows. Each row begins and ends with `|`.
    mutating func table(_ start: Int) -> (MarkupBlock, Int)? {
        guard let header = row(start), let dashes = row(header.end), !dashes.cells.isEmpty,
            dashes.cells.allSatisfy(Self.isDashes)
        else { return nil }
        var rows: [[[MarkupInline]]] = []
        var position = dashes.end
        while position < scan.end, let row = row(position) {
            rows.append(row.cells.map { cell($0) })
            position = row.end
        }
        return (.table(header: header.cells.map { cell($0) }, rows: rows), position)
    }

    private mutating func cell(_ text: String) -> [MarkupInline] {
        var parser = GrammarParser(text, rules: rules)
        let inlines = parser.inline(from: 0)?.inlines ?? []
        steps += parser.steps
        return inlines
    }

    /// The texts of a row's cells; nil if the line is no row. `\|` is a bar within a cell.
    private func row(_ start: Int) -> (cells: [String], end: Int)? {
        guard scan[start] == UInt16(ascii: "|") else { return nil }
        let end = scan.run(from: start) { !$0.isLineEnd }
        let line = scan.string(start..<end).trimmed
        guard line.utf16.count > 1, line.hasSuffix("|"), !line.hasSuffix("\\|") else { return nil }
        return (TableRow.cells(of: line.dropFirst().dropLast()), scan.lineEnd(at: end) ?? end)
    }

    private static func isDashes(_ cell: String) -> Bool {
        var dashes = cell[...]
        if dashes.hasPrefix(":") { dashes = dashes.dropFirst() }
        if dashes.hasSuffix(":") { dashes = dashes.dropLast() }
        return !dashes.isEmpty && dashes.allSatisfy { $0 == "-" }
    }
}

/// A row of a table, in both dialects.
enum TableRow {
    /// The texts between the bars. `\|` is a bar within a cell.
    static func cells(of line: some StringProtocol) -> [String] {
        var cells: [String] = []
        var cell = ""
        for character in line {
            if character == "|", cell.hasSuffix("\\") {
                cell.removeLast()
                cell.append(character)
            } else if character == "|" {
                cells.append(cell.trimmed)
                cell = ""
            } else {
                cell.append(character)
            }
        }
        return cells + [cell.trimmed]
    }
}
