import Alerts
package import Journaling

extension DatabaseJournal {
    /// Settles, records ends, and asks for permission to post. Returns a permit for each begin; nil if another replica
    /// has the tenure. Delivered and expired notifications are settled in any case.
    package func exchange(
        _ draft: PostingDraft, under tenure: JournalTenure
    ) throws(PostgreSQLFailure) -> [Bool]? {
        let (ends, begins) = (draft.ends, draft.begins)
        let postsKept = Int64(min(max(draft.postsKept, 1), Self.postLimit))
        let entries = begins.enumerated().flatMap { index, begin in
            begin.entries.map { (owner: Int64(index + 1), id: $0) }
        }
        let rows = try call(
            "exchange_1",
            [
                .integer(tenure.epoch), .text(tenure.holder), .integer(postsKept),
                .byteArrays(ends.map(\.hook.bytes)), .bools(ends.map(\.isCounted)),
                .optionalIntegers(ends.map { $0.pause?.microseconds }),
                .optionalIntegers(ends.map { $0.failingFor?.microseconds }),
                .byteArrays(begins.map(\.hook.bytes)), .integers(begins.map(\.through.rawValue)),
                .smallIntegers(begins.map { Int16($0.form) }),
                .integers(entries.map(\.owner)), .smallIntegers(entries.map { $0.id.destination.queueNumber }),
                .integers(entries.map(\.id.rawValue)), .bool(requiresStandbys),
            ] + Self.encode(draft.settlements, at: draft.at))
        guard try rows.bool(0, 0) else { return nil }
        return try rows.bools(0, 1, count: begins.count)
    }

    /// The most posts that the record of a hook keeps.
    private static let postLimit = 10_000

    package func hooks() throws(PostgreSQLFailure) -> [HookKey: SharedHookRecord] {
        let rows = try read(
            """
            SELECT key,
                (SELECT array_agg(\(Self.age("p")) ORDER BY place) FROM unnest(posts) WITH ORDINALITY AS u (p, place)),
                -\(Self.age("paused_until")), \(Self.age("failing_since")), \(Self.age("posting_since")), through, form
            FROM \(schema.quoted).hook, (SELECT clock_timestamp() AS clock) AS c
            ORDER BY written_at DESC LIMIT 1024
            """)
        var hooks: [HookKey: SharedHookRecord] = [:]
        for row in 0..<rows.count {
            let pause = try rows.integerIfAny(row, 2, in: -Self.ages...Self.ages).map { Duration.microseconds($0) }
            let duration = { (column: Int) throws(PostgreSQLFailure) in
                try rows.integerIfAny(row, column, in: -Self.ages...Self.ages).map { Duration.microseconds(max(0, $0)) }
            }
            let posts = try rows.integers(row, 1, atMost: Self.postLimit) ?? []
            var record = SharedHookRecord(
                posts: posts.map { .microseconds(min(max(0, $0), Self.ages)) },
                pauseLeft: pause.flatMap { $0 > .zero ? $0 : nil }, failingFor: try duration(3))
            if let age = try duration(4) {
                record.unfinished = SharedHookRecord.Unfinished(
                    through: JournalID(rawValue: try rows.integer(row, 5)),
                    form: UInt8(try rows.integer(row, 6, in: 0...255)), age: age)
            }
            hooks[HookKey(bytes: rows.bytes(row, 0) ?? [])] = record
        }
        return hooks
    }

    /// The most microseconds: 100 years and more.
    private static let ages: Int64 = 10_000_000_000_000_000

    private static func age(_ time: String) -> String {
        "(extract(epoch FROM clock - \(time)) * 1000000)::bigint"
    }

    /// The rows of components.
    package func components() throws(PostgreSQLFailure) -> [HookRow] {
        let rows = try read("SELECT key, value FROM \(schema.quoted).component ORDER BY key LIMIT 1024")
        return (0..<rows.count).map { HookRow(key: rows.bytes($0, 0) ?? [], value: rows.bytes($0, 1) ?? []) }
    }
}
