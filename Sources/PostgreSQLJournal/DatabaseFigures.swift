package import Alerts
package import Journaling

/// The figures of the whole journal.
package struct DatabaseFigures: Sendable {
    package var pending: [Destination: (count: Int, bytes: Int64)] = [:]
    package var deadLetters: [Destination: Int] = [:]
    package var history = HistoryUsage()
}

extension DatabaseJournal {
    /// Counts what the tables hold. Takes longer the more they hold.
    package func figures() throws(PostgreSQLFailure) -> DatabaseFigures {
        var figures = DatabaseFigures()
        let pending = try read(
            """
            SELECT queue, count(*), sum(octet_length(body))::bigint FROM \(schema.quoted).notification GROUP BY queue
            """)
        for row in 0..<pending.count {
            figures.pending[try destination(pending, row)] = (
                Int(try pending.integer(row, 1, in: Self.counts)), try pending.integer(row, 2, in: Self.counts)
            )
        }
        let dead = try read("SELECT queue, count(*) FROM \(schema.quoted).dead_letter GROUP BY queue")
        for row in 0..<dead.count {
            figures.deadLetters[try destination(dead, row)] = Int(try dead.integer(row, 1, in: Self.counts))
        }
        let history = try read(
            """
            SELECT coalesce(sum(entries), 0)::bigint, coalesce(sum(octet_length(body)), 0)::bigint,
                coalesce(min(number), 1), coalesce(max(number), 0) + 1, min(at)
            FROM \(schema.quoted).history
            """)
        figures.history.entries = try history.integer(0, 0, in: Self.counts)
        figures.history.bytes = try history.integer(0, 1, in: Self.counts)
        figures.history.firstRow = try history.integer(0, 2, in: Self.counts)
        figures.history.nextRow = try history.integer(0, 3, in: Self.counts)
        let ages: ClosedRange<Int64> = .min ... .max
        figures.history.oldest = try history.integerIfAny(0, 4, in: ages).map { Timestamp(nanosecondsSince1970: $0) }
        return figures
    }

    private func destination(_ rows: PostgreSQLRows, _ row: Int) throws(PostgreSQLFailure) -> Destination {
        Destination(queueNumber: try rows.integer(row, 0, in: Destination.queueNumbers))
    }

    /// When the oldest pending notification was accepted; nil if there is none.
    package func oldestPending(_ destination: Destination) throws(PostgreSQLFailure) -> Timestamp? {
        let rows = try read(
            "SELECT accepted_at FROM \(schema.quoted).notification WHERE queue = $1::smallint ORDER BY id LIMIT 1",
            [.integer(Int64(destination.queueNumber))])
        return rows.count > 0 ? Timestamp(nanosecondsSince1970: try rows.integer(0, 0)) : nil
    }
}
