import Alerts
import Glibc
import Journaling

/// Finds rows in the pages of a damaged database without using its B-trees. Each leaf page is read separately, and the
/// checksum of a row identifies it as a notification or dead letter.
final class SpoolPages {
    /// A row of a destination's table or of the history (5 columns), or of the table `dead_letter` (10).
    struct Row {
        var id: Int64
        var columns: [Value]
    }

    enum Value {
        case null
        case integer(Int64)
        case bytes([UInt8])

        var integer: Int64? { if case .integer(let value) = self { value } else { nil } }
        var bytes: [UInt8]? { if case .bytes(let value) = self { value } else { nil } }
        var text: String? { bytes.map { String(decoding: $0, as: UTF8.self) } }
    }

    private let database: Int32
    private let log: SpoolLog
    private let logFile: Int32
    /// The indices of the frames that contain a page, oldest first.
    private var frames: [UInt32: [Int]] = [:]
    private let pageCount: UInt32
    /// The pages with data in the file or a frame in the log, ascending. All others are holes of a sparse file, which
    /// would take minutes to read.
    private let pagesToRead: [ClosedRange<UInt32>]

    private static var size: Int { SpoolLog.pageSize }

    init(database path: String, log: SpoolLog) {
        database = open(path, O_RDONLY | O_CLOEXEC)
        logFile = open(log.path, O_RDONLY | O_CLOEXEC)
        self.log = log
        let size = SpoolFile(path)?.size ?? 0
        var last = UInt32(clamping: (size + SpoolSettings.pageSize - 1) / SpoolSettings.pageSize)
        for (index, frame) in log.frames.enumerated() where frame.isVerified || frame.hasValidPage {
            frames[frame.page, default: []].append(index)
            // Reading must not depend on a damaged page number.
            if frame.isVerified { last = max(last, frame.page) }
        }
        pageCount = last
        let logged = frames.keys.filter { $0 > 0 && $0 <= last }.map { $0...$0 }
        pagesToRead = (Self.allocatedPages(of: database, size: off_t(size)) + logged).sorted {
            $0.lowerBound < $1.lowerBound
        }
    }

    deinit {
        for descriptor in [database, logFile] where descriptor >= 0 { Glibc.close(descriptor) }
    }

    /// Calls `visit` with each row of each page that is not free.
    func rows(_ visit: (Row) throws(SQLiteError) -> Void) throws(SQLiteError) {
        let free = freePages()
        var last: UInt32 = 0
        for range in pagesToRead {
            for number in range where number > last {
                last = number
                if free.contains(number) { continue }
                for page in versions(of: number) {
                    for row in Self.rows(in: page, number, overflow: newest) { try visit(row) }
                }
            }
        }
    }

    // glibc declares SEEK_DATA and SEEK_HOLE only with _GNU_SOURCE, which Swift's Glibc module does not define.
    private static let (seekData, seekHole) = (Int32(3), Int32(4))

    /// The pages with data according to lseek(2). All pages if the file system does not support holes.
    private static func allocatedPages(of descriptor: Int32, size: off_t) -> [ClosedRange<UInt32>] {
        var ranges: [ClosedRange<UInt32>] = []
        var end: off_t = 0
        while descriptor >= 0, end < size {
            let data = lseek(descriptor, end, seekData)
            if data < 0 && errno == ENXIO { break }
            let hole = data < 0 ? -1 : lseek(descriptor, data, seekHole)
            guard hole > data else { return ranges + [page(at: end)...page(at: size - 1)] }
            ranges.append(page(at: data)...page(at: hole - 1))
            end = hole
        }
        return ranges
    }

    private static func page(at offset: off_t) -> UInt32 { UInt32(clamping: offset / off_t(Self.size) + 1) }

    /// The versions of a page, newest first: up to the first verified one.
    private func versions(of number: UInt32) -> [[UInt8]] {
        var versions: [[UInt8]] = []
        for index in (frames[number] ?? []).reversed() {
            if let page = log.bytes(of: log.frames[index], logFile) { versions.append(page) }
            if log.frames[index].isVerified { return versions }
        }
        if let page = readFromDatabase(number) { versions.append(page) }
        return versions
    }

    private func newest(_ number: UInt32) -> [UInt8]? { versions(of: number).first }

    private func readFromDatabase(_ number: UInt32) -> [UInt8]? {
        guard database >= 0, number > 0 else { return nil }
        var page = [UInt8](repeating: 0, count: Self.size)
        let count = pread(database, &page, page.count, off_t(number - 1) * off_t(Self.size))
        return count > 0 ? page : nil
    }

    /// The pages in the free list, which contain deleted rows.
    private func freePages() -> Set<UInt32> {
        var free: Set<UInt32> = []
        for number in pagesToRead.lazy.joined() where number > 1 {
            guard let page = newest(number), ![2, 5, 10, 13].contains(page[0]) else { continue }
            let count = page.bigEndian32(4)
            guard page.bigEndian32(0) <= pageCount, count > 0, count <= UInt32(Self.size / 4 - 8) else { continue }
            let named = (0..<Int(count)).map { page.bigEndian32(8 + $0 * 4) }
            if named.allSatisfy({ (2...pageCount).contains($0) }) { free.formUnion(named) }
        }
        return free
    }

    /// The number of intact rows in a page, without rows that have overflow pages.
    static func intactRows(in page: [UInt8]) -> Int {
        rows(in: page, 0) { _ in nil }.count { row in
            guard let group = row.columns[1].integer, let acceptedAt = row.columns[2].integer,
                let checksum = row.columns[3].integer, let body = row.columns[4].bytes
            else { return false }
            return SpoolRow(id: row.id, group: group, acceptedAt: acceptedAt, checksum: checksum).isIntact(body)
        }
    }

    private static func rows(in page: [UInt8], _ number: UInt32, overflow: (UInt32) -> [UInt8]?) -> [Row] {
        let start = number == 1 ? 100 : 0
        // 13 is a leaf of a table with rowids; indexes and WITHOUT ROWID tables have other types.
        guard page[start] == 13 else { return [] }
        let count = Int(page[start + 3]) << 8 | Int(page[start + 4])
        guard start + 8 + 2 * count <= page.count else { return [] }
        return (0..<count).compactMap { index in
            let pointer = start + 8 + 2 * index
            return row(in: page, at: Int(page[pointer]) << 8 | Int(page[pointer + 1]), overflow)
        }
    }

    private static func row(in page: [UInt8], at start: Int, _ overflow: (UInt32) -> [UInt8]?) -> Row? {
        var cell = Cursor(bytes: page[...], position: start)
        guard let size = cell.varint(), let id = cell.varint(), (0...1 << 27).contains(size),
            let payload = payload(Int(size), in: page, at: cell.position, overflow)
        else { return nil }
        var header = Cursor(bytes: payload[...], position: 0)
        guard let headerSize = header.varint(), (1...Int64(payload.count)).contains(headerSize) else { return nil }
        var types: [Int64] = []
        while header.position < Int(headerSize), types.count <= 10 {
            guard let type = header.varint() else { return nil }
            types.append(type)
        }
        guard types.count == 5 || types.count == 10 else { return nil }
        var body = Cursor(bytes: payload[...], position: Int(headerSize))
        var columns: [Value] = []
        for type in types {
            guard let value = body.value(type) else { return nil }
            columns.append(value)
        }
        return Row(id: id, columns: columns)
    }

    /// The payload of a cell, including its overflow pages; nil if it cannot be read.
    private static func payload(
        _ size: Int, in page: [UInt8], at start: Int, _ overflow: (UInt32) -> [UInt8]?
    ) -> [UInt8]? {
        let most = Self.size - 35
        guard size > most else { return start + size <= page.count ? Array(page[start..<start + size]) : nil }
        let least = (Self.size - 12) * 32 / 255 - 23
        let wanted = least + (size - least) % (Self.size - 4)
        let local = wanted <= most ? wanted : least
        guard start + local + 4 <= page.count else { return nil }
        var bytes = Array(page[start..<start + local])
        var next = page.bigEndian32(start + local)
        while bytes.count < size {
            guard next > 1, let more = overflow(next) else { return nil }
            bytes += more[4..<min(Self.size, 4 + size - bytes.count)]
            next = more.bigEndian32(0)
        }
        return bytes
    }

    /// Parses values in the record format (sqlite.org/fileformat2.html section 2.1).
    private struct Cursor {
        let bytes: ArraySlice<UInt8>
        var position: Int

        mutating func varint() -> Int64? {
            var value: UInt64 = 0
            for index in 0..<9 {
                guard position < bytes.count else { return nil }
                let byte = bytes[bytes.startIndex + position]
                position += 1
                if index == 8 { return Int64(bitPattern: value << 8 | UInt64(byte)) }
                value = value << 7 | UInt64(byte & 0x7f)
                if byte < 0x80 { return Int64(bitPattern: value) }
            }
            return nil
        }

        mutating func value(_ type: Int64) -> Value? {
            switch type {
            case 0: .null
            case 1...4: integer(Int(type))
            case 5: integer(6)
            case 6: integer(8)
            case 8, 9: .integer(type - 8)
            case 12...(1 << 31): blob(Int(type - 12) / 2)
            default: nil
            }
        }

        private mutating func integer(_ size: Int) -> Value? {
            guard let bytes = blob(size)?.bytes, let first = bytes.first else { return nil }
            let sign: Int64 = first >= 0x80 ? -1 : 0
            return .integer(bytes.reduce(sign) { $0 << 8 | Int64($1) })
        }

        private mutating func blob(_ size: Int) -> Value? {
            guard position + size <= bytes.count else { return nil }
            defer { position += size }
            return .bytes(Array(bytes[(bytes.startIndex + position)..<(bytes.startIndex + position + size)]))
        }
    }
}

/// Recovers rows that the B-trees do not reach, from the pages.
extension SpoolSalvage {
    /// Copies intact rows from all pages.
    func copyPages() throws(SQLiteError) {
        try target.connection.transaction { () throws(SQLiteError) in
            try pages.rows { (row) throws(SQLiteError) in
                if let stored = SpoolRow.notification(in: row) {
                    let destination = stored.id.destination
                    if destination.receiver != .severityRooms, receivers[destination.receiver] == nil {
                        try addReceiver(destination.receiver, named: nil)
                    }
                    guard try target.isDeadLetter.bind(stored.id.rawValue).integer() == nil else { return }
                    try save(.intact(stored), of: destination)
                } else if let letter = DeadRow(row) {
                    try save(letter)
                } else if let row = HistoryRow(row) {
                    try target.history.write(row)
                }
            }
        }
    }

    /// Copies the intact rows of the history.
    func copyHistory(from source: SQLiteConnection) throws(SQLiteError) {
        try copy(
            "history", "id, at, entries, body, crc", from: source, read: { HistoryRow($0) },
            write: { (rows) throws(SQLiteError) in
                for row in rows where row.isIntact { try target.history.write(row) }
            })
    }

    /// A row of the table `dead_letter`.
    struct DeadRow {
        let id, severity, diedAt, attempts, group, acceptedAt, checksum: Int64
        let reason: String
        let answer: String?
        let body: [UInt8]

        init(_ row: SQLiteRow) {
            (id, severity, diedAt, attempts) = (row.integer(0), row.integer(1), row.integer(2), row.integer(4))
            (group, acceptedAt, checksum) = (row.integer(6), row.integer(7), row.integer(8))
            (reason, answer, body) = (row.text(3) ?? "", row.text(5), row.blob(9))
        }

        /// Reads the columns in the order of the table. Returns nil if they have other types or the checksum does not
        /// match.
        init?(_ row: SpoolPages.Row) {
            let columns = row.columns
            guard columns.count == 10, let group = columns[1].integer, let acceptedAt = columns[2].integer,
                let checksum = columns[3].integer, let body = columns[4].bytes, let severity = columns[5].integer,
                let diedAt = columns[6].integer, let reason = columns[7].text, let attempts = columns[8].integer,
                SpoolRow(id: row.id, group: group, acceptedAt: acceptedAt, checksum: checksum).isIntact(body)
            else { return nil }
            (id, self.severity, self.diedAt, self.attempts) = (row.id, severity, diedAt, attempts)
            (self.group, self.acceptedAt, self.checksum) = (group, acceptedAt, checksum)
            (self.reason, answer, self.body) = (reason, columns[9].text, body)
        }
    }
}
