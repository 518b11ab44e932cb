package import Alerts
package import Journaling

/// The journal's functions in PostgreSQL, called over one connection. It must be used by one queue at a time.
///
/// Each call is one transaction. When it returns, the transaction has reached the synchronous standbys.
package final class DatabaseJournal {
    package let connection: PostgreSQLConnection
    let schema: DatabaseSchema
    /// Whether a server without synchronous standbys is refused.
    let requiresStandbys: Bool
    /// The deadline of a call that carries no bodies.
    let patience: Duration

    package init(
        _ connection: PostgreSQLConnection, _ schema: DatabaseSchema, requiresStandbys: Bool,
        patience: Duration = .seconds(5)
    ) {
        self.connection = connection
        self.schema = schema
        self.requiresStandbys = requiresStandbys
        self.patience = patience
    }

    /// The notifications of one webhook, whose state is compared with the last one of its group.
    package struct Payload: Sendable {
        package var group: UInt64
        /// 16 bytes.
        package var state: [UInt8]
        package var reason: AlertBatch.Reason
        package var notifications: [Notification]

        package init(group: UInt64, state: [UInt8], reason: AlertBatch.Reason, notifications: [Notification]) {
            (self.group, self.state, self.reason) = (group, state, reason)
            self.notifications = notifications
        }
    }

    /// Creates the schema or brings it up to date.
    package func migrate(within time: Duration = .seconds(60)) throws(PostgreSQLFailure) {
        _ = try connection.query(schema.migration, within: time)
    }

    func call(
        _ function: String, _ parameters: [PostgreSQLValue], bytes: Int = 0
    ) throws(PostgreSQLFailure) -> PostgreSQLRows {
        let places = parameters.indices.map { "$\($0 + 1)" }.joined(separator: ", ")
        // Measured: 64 MiB take 6 s.
        let time = patience + .seconds(bytes / (2 << 20))
        return try connection.query(
            "SELECT * FROM \(schema.quoted).\(function)(\(places))", parameters, within: time)
    }

    func read(_ sql: String, _ parameters: [PostgreSQLValue] = []) throws(PostgreSQLFailure) -> PostgreSQLRows {
        try connection.query(sql, parameters, within: patience)
    }

    // MARK: Accepting

    /// Stores payloads in their order, and settles. Returns the notifications of each payload with their ids and
    /// repeats; nil for a duplicate.
    ///
    /// - Parameters:
    ///   - window: the time in which the last accepted state of a group counts; zero to store duplicates too.
    ///   - components: rows that replace those with the same key.
    ///   - records: history without a settlement.
    package func append(
        _ payloads: [Payload], window: Duration, settling settlements: [JournalTransaction.Settled] = [],
        components: [HookRow] = [], noting records: [HistoryRecord] = [], at now: Timestamp
    ) throws(PostgreSQLFailure) -> [[StoredNotification]?] {
        let rows = payloads.enumerated().flatMap { index, payload in
            payload.notifications.map { (owner: Int64(index + 1), notification: $0) }
        }
        let window = window.microseconds
        let parameters: [PostgreSQLValue] =
            [
                .integers(payloads.map { Int64(bitPattern: $0.group) }),
                .byteArrays(payloads.map(\.state)),
                .smallIntegers(payloads.map(\.reason.number)),
                .integers(rows.map(\.owner)),
                .smallIntegers(rows.map { $0.notification.destination.queueNumber }),
                .integers(rows.map { Int64(bitPattern: $0.notification.group) }),
                .integers(rows.map { $0.notification.acceptedAt.nanosecondsSince1970 }),
                .bools(rows.map(\.notification.isResolved)),
                .integers(rows.map { BodyChecksum.of($0.notification) }),
                .byteArrays(rows.map(\.notification.body)),
                .integer(window), .bool(requiresStandbys),
            ] + Self.encode(settlements, at: now) + [
                .byteArrays(components.map(\.key)), .byteArrays(components.map(\.value)),
                .byteArrays(records.map(\.bytes)), .integers(records.map { Int64($0.entries) }),
            ]
        let bytes = rows.reduce(0) { $0 + $1.notification.body.count }
        let result = try call("append_1", parameters, bytes: bytes)
        var stored = [[StoredNotification]?](repeating: nil, count: payloads.count)
        for row in 0..<result.count {
            let payload = Int(try result.integer(row, 0, in: 1...Int64(payloads.count))) - 1
            let first = try result.integer(row, 1, in: JournalID.sequences.closed)
            let repeats = try result.integerIfAny(row, 2, in: 0...Int64(Notification.maxRepeats)).map { Int($0) }
            stored[payload] = payloads[payload].notifications.enumerated().map { index, notification in
                var notification = notification
                notification.repeats = repeats
                let id = JournalID(sequence: first + Int64(index), destination: notification.destination)
                return StoredNotification(id: id, notification: notification)
            }
        }
        return stored
    }

    /// The parameters of a settlement in the functions of the schema.
    static func encode(_ settlements: [JournalTransaction.Settled], at now: Timestamp) -> [PostgreSQLValue] {
        let dead = settlements.map { settled -> (reason: String?, attempts: Int64, answer: String?) in
            guard case .dead(let reason, let attempts, let answer) = settled.settlement else { return (nil, 0, nil) }
            return (reason.rawValue, Int64(attempts), answer)
        }
        return [
            .smallIntegers(settlements.map { $0.id.destination.queueNumber }),
            .integers(settlements.map(\.id.rawValue)),
            .smallIntegers(settlements.map(\.settlement.number)),
            .texts(dead.map(\.reason)), .integers(dead.map(\.attempts)), .texts(dead.map(\.answer)),
            .bools(settlements.map(\.isContinued)),
            .byteArrays(settlements.map { $0.history?.bytes }),
            .integers(settlements.map { Int64($0.history?.entries ?? 0) }),
            .integer(now.nanosecondsSince1970),
        ]
    }

    // MARK: Tenure

    package func sight() throws(PostgreSQLFailure) -> TenureSight {
        let rows = try read("SELECT epoch, beat, holder FROM \(schema.quoted).lease")
        return TenureSight(
            epoch: try rows.integer(0, 0, in: Self.counts), beat: try rows.integer(0, 1, in: Self.counts),
            holder: rows.text(0, 2))
    }

    /// Takes the tenure if nothing has changed since `seen`; otherwise returns nil.
    package func take(_ seen: TenureSight, as replica: String) throws(PostgreSQLFailure) -> JournalTenure? {
        let rows = try call(
            "take_1", [.integer(seen.epoch), .integer(seen.beat), .text(replica), .bool(requiresStandbys)])
        guard rows.count > 0 else { return nil }
        return JournalTenure(epoch: try rows.integer(0, 0, in: Self.counts), holder: replica)
    }

    /// Gives a sign of life. Returns false if another replica has the tenure.
    package func keep(_ tenure: JournalTenure, pendingBytes: Int64 = 0) throws(PostgreSQLFailure) -> Bool {
        try call(
            "keep_1",
            [.integer(tenure.epoch), .text(tenure.holder), .integer(pendingBytes), .bool(requiresStandbys)]
        ).bool(0, 0)
    }

    package func release(_ tenure: JournalTenure) throws(PostgreSQLFailure) -> Bool {
        try call("release_1", [.integer(tenure.epoch), .text(tenure.holder), .bool(requiresStandbys)]).bool(0, 0)
    }

    static let counts: ClosedRange<Int64> = 0...(1 << 60)
}

// MARK: - Numbers in the schema

extension Destination {
    /// The column `queue`.
    var queueNumber: Int16 { Int16(receiver.rawValue) << 2 | Int16(severity.spoolNumber) }

    init(queueNumber: Int64) {
        self.init(
            receiver: ReceiverID(rawValue: UInt8(truncatingIfNeeded: queueNumber >> 2)),
            severity: Severity(spoolNumber: queueNumber & 3))
    }

    static let queueNumbers: ClosedRange<Int64> = 0...1023
}

extension JournalSettlement {
    /// The parameter `outcome`.
    fileprivate var number: Int16 {
        switch self {
        case .delivered: 0
        case .expired: 1
        case .dead: 2
        }
    }
}

extension AlertBatch.Reason {
    /// The column `reason` of `seen`.
    fileprivate var number: Int16 {
        switch self {
        case .unknown: 0
        case .news: 1
        case .repetition: 2
        }
    }
}

extension Range<Int64> {
    var closed: ClosedRange<Int64> { lowerBound...(upperBound - 1) }
}

extension Duration {
    /// At most 100 years, so that PostgreSQL's intervals contain it.
    var microseconds: Int64 {
        let (seconds, attoseconds) = Swift.min(Swift.max(self, .zero), .seconds(100 * 366 * 86_400)).components
        return seconds * 1_000_000 + attoseconds / 1_000_000_000_000
    }
}
