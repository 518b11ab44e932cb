import Glibc

/// The program's code in memory: its own and that of the libraries.
enum CodePages {
    /// Lets go of every page of code, so that only what runs from now on is resident: reading the command line and the
    /// configuration touches megabytes that serving never needs.
    ///
    /// The pages are unchanged copies of files; what is needed again is mapped again, from the page cache.
    static func release() {
        guard let maps = fopen("/proc/self/maps", "re") else { return }
        // All is read before anything is let go of: the pages hold the code that reads.
        var ranges: [(start: UInt, end: UInt)] = []
        var line: UnsafeMutablePointer<CChar>?
        var size = 0
        while getline(&line, &size, maps) > 0 {
            if let line, let range = codeRange(String(cString: line)) { ranges.append(range) }
        }
        free(line)
        fclose(maps)
        for range in ranges {
            guard let start = UnsafeMutableRawPointer(bitPattern: range.start) else { continue }
            madvise(start, Int(range.end - range.start), MADV_DONTNEED)
        }
    }

    /// The addresses that a line of `/proc/self/maps` (proc(5)) gives, if it maps a file to run and not to write:
    /// relocated data, which no file holds, is never executable.
    static func codeRange(_ line: String) -> (start: UInt, end: UInt)? {
        let fields = line.split(maxSplits: 5, whereSeparator: { $0 == " " || $0 == "\n" })
        guard fields.count == 6, fields[1] == "r-xp", fields[5].drop(while: { $0 == " " }).hasPrefix("/") else {
            return nil
        }
        let ends = fields[0].split(separator: "-").map { UInt($0, radix: 16) }
        guard ends.count == 2, let start = ends[0], let end = ends[1], start < end else { return nil }
        return (start, end)
    }
}
