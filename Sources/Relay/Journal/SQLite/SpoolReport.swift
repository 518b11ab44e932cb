/// What was found damaged or missing since the last orderly end.
struct SpoolReport: Equatable {
    /// Acknowledged notifications that nothing of is left.
    var missing: Int64 = 0
    var text: String

    /// Each line of the table, oldest first, as one report; nil where there is none.
    static func read(_ connection: SQLiteConnection) throws(SQLiteError) -> SpoolReport? {
        var texts: [String] = []
        var missing: Int64 = 0
        try connection.prepare("SELECT text, missing FROM report ORDER BY id").query { (row) throws(SQLiteError) in
            texts.append(row.text(0) ?? "")
            // Damage in the report itself is no reason to stop.
            missing += max(0, min(row.integer(1), 1 << 40))
            return texts.count < 100
        }
        return texts.isEmpty ? nil : SpoolReport(missing: missing, text: texts.joined(separator: "; "))
    }

    func write(to connection: SQLiteConnection) throws(SQLiteError) {
        try connection.prepare("INSERT INTO report (missing, text) VALUES (?, ?)").bind(missing, text).run()
    }

    static func missing(_ count: Int64) -> String {
        count == 1 ? "1 acknowledged notification is missing" : "\(count) acknowledged notifications are missing"
    }

    static func clear(_ connection: SQLiteConnection) throws(SQLiteError) {
        try connection.execute("DELETE FROM report")
    }
}
