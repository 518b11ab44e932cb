package import Alerts
package import Journaling

/// What rooms were shown of the groups of dead letters. A settlement only copies the body of a delivered notification to
/// `shown`, because the server cannot parse it. The states are computed when they are read, or merged by the holder of
/// the tenure.
extension DatabaseJournal {
    /// Notifications of a group with more dead letters update only those of the newest ones, as in the spool.
    private static let lettersPerGroup = 64
    /// The most bodies that one call reads, and their size in bytes.
    private static let (bodyLimit, byteLimit) = (Int64(256), Int64(16 << 20))

    private struct Letter {
        var id: Int64
        var acceptedAs: Int64
        var bytes: [UInt8]
        var states: LaterStates

        mutating func add(_ body: (position: Int64, alerts: [Alert])) {
            if acceptedAs < body.position { states.add(body.alerts, at: body.position) }
        }
    }

    /// The states for replayed notifications and dead letters. Empty for an id without any.
    package func laterStates(of ids: [JournalID]) throws(PostgreSQLFailure) -> [JournalID: LaterStates] {
        guard !ids.isEmpty else { return [:] }
        let rows = try read(
            """
            SELECT id, accepted_as, states, queue, group_id FROM \(schema.quoted).later_states WHERE id = ANY ($1)
            """, [.integers(ids.map(\.rawValue))])
        var found: [JournalID: LaterStates] = [:]
        for row in 0..<rows.count {
            var letter = try letter(rows, row)
            let queue = try rows.integer(row, 3, in: Destination.queueNumbers)
            for body in try shown(queue, try rows.integer(row, 4), after: letter.acceptedAs) { letter.add(body) }
            found[JournalID(rawValue: letter.id)] = letter.states
        }
        return found
    }

    /// Merges the bodies of some groups into the states of their letters. Returns the number of merged bodies; 0 if
    /// nothing is left.
    package func mergeShown() throws(PostgreSQLFailure) -> Int {
        let groups = try read(
            "SELECT queue, group_id FROM \(schema.quoted).shown GROUP BY queue, group_id ORDER BY count(*) DESC LIMIT 16"
        )
        var merged = 0
        for row in 0..<groups.count {
            merged += try merge(try groups.integer(row, 0, in: Destination.queueNumbers), try groups.integer(row, 1))
        }
        return merged
    }

    private func merge(_ queue: Int64, _ group: Int64) throws(PostgreSQLFailure) -> Int {
        // The bodies first: a letter that appears between the two reads was accepted before them, or does not need them.
        let bodies = try shown(queue, group, after: 0)
        let rows = try read(
            """
            SELECT id, accepted_as, states FROM \(schema.quoted).later_states
            WHERE group_id = $1 AND queue = $2::smallint ORDER BY id DESC
            """, [.integer(group), .integer(queue)])
        var letters: [Letter] = []
        for row in 0..<rows.count {
            var letter = try letter(rows, row)
            if row < Self.lettersPerGroup {
                bodies.forEach { letter.add($0) }
            } else {
                letter.states = LaterStates()
            }
            letters.append(letter)
        }
        _ = try call(
            "merge_1",
            [
                .integers(letters.map(\.id)), .byteArrays(letters.map(\.bytes)),
                .byteArrays(letters.map(\.states.bytes)), .integer(queue), .integer(group),
                .integers(bodies.map(\.position)), .bool(requiresStandbys),
            ])
        return bodies.count
    }

    private func letter(_ rows: PostgreSQLRows, _ row: Int) throws(PostgreSQLFailure) -> Letter {
        let bytes = rows.bytes(row, 2) ?? []
        return Letter(
            id: try rows.integer(row, 0), acceptedAs: try rows.integer(row, 1), bytes: bytes,
            states: LaterStates(bytes: bytes) ?? LaterStates())
    }

    private func shown(
        _ queue: Int64, _ group: Int64, after position: Int64
    ) throws(PostgreSQLFailure) -> [(position: Int64, alerts: [Alert])] {
        let rows = try read(
            """
            SELECT position, body FROM (
                SELECT position, body, sum(octet_length(body)) OVER (ORDER BY position) - octet_length(body) AS before
                FROM \(schema.quoted).shown WHERE queue = $1::smallint AND group_id = $2 AND position > $3
            ) AS page WHERE before < \(Self.byteLimit) ORDER BY position LIMIT \(Self.bodyLimit)
            """, [.integer(queue), .integer(group), .integer(position)])
        var bodies: [(position: Int64, alerts: [Alert])] = []
        for row in 0..<rows.count {
            // Every delivered body was parsed before. One that cannot be parsed any more shows nothing.
            let alerts = (try? WebhookParser().decode(rows.bytes(row, 1) ?? []).alerts) ?? []
            bodies.append((try rows.integer(row, 0), alerts))
        }
        return bodies
    }
}
