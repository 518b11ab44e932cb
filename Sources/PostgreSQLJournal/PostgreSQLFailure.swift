/// Why a statement or a connection failed, and how to continue.
///
/// It contains no value of the connection string, no parameter and no text of libpq: libpq's messages contain parts of
/// the connection string, such as a piece of a password that is not percent-encoded.
package struct PostgreSQLFailure: Error, Equatable, Sendable {
    package enum Reason: String, Sendable, Equatable, CaseIterable {
        /// The connection was lost, or the deadline has passed.
        case lost
        /// The server cannot write: a standby, or it starts or stops.
        case readOnly
        /// Locks, deadlocks, serialization, too many connections or no memory: the next attempt may succeed.
        case busy
        /// The server's disk is full.
        case diskFull
        /// The schema is missing, of another version, or the role lacks rights to it.
        case schema
        /// Wrong credentials, an unknown database, or TLS that was not agreed upon.
        case access
        /// The server has no synchronous standby, but the journal requires one.
        case notDurable
        /// No server could be reached.
        case unreachable
        /// Any other error of the server or of libpq.
        case other
    }

    package var reason: Reason
    /// Five characters (PostgreSQL's appendix A); nil if the server did not report an error.
    package var sqlState: String?
    /// A sentence for logs.
    package var message: String
    /// Whether the transaction may have been committed.
    package var isOutcomeUnknown: Bool
    /// Whether the connection can be used again.
    package var keepsConnection: Bool

    package init(
        _ reason: Reason, sqlState: String? = nil, message: String, isOutcomeUnknown: Bool = false,
        keepsConnection: Bool = false
    ) {
        self.reason = reason
        self.sqlState = sqlState
        self.message = message
        self.isOutcomeUnknown = isOutcomeUnknown
        self.keepsConnection = keepsConnection
    }

    /// Whether another server of the connection string may accept the statement.
    package var shouldTryAnotherServer: Bool {
        switch reason {
        case .lost, .readOnly, .unreachable: true
        case .busy, .diskFull, .schema, .access, .notDurable, .other: false
        }
    }
}

extension PostgreSQLFailure: CustomStringConvertible {
    package var description: String { message + (sqlState.map { " (SQLSTATE \($0))" } ?? "") }
}

// MARK: - Classification

extension PostgreSQLFailure {
    /// A level of PostgreSQL's messages that ends a statement.
    enum Severity: Equatable {
        /// The transaction was rolled back.
        case error
        /// The server has closed the connection. It may have committed before.
        case fatal
    }

    /// The SQLSTATE of the schema's functions for a server without synchronous standbys.
    static let notDurableState = "RL001"
    /// The SQLSTATE of a migration that finds a schema of a later, incompatible version.
    static let newerSchemaState = "RL002"

    /// Classifies an error of a statement.
    ///
    /// - Parameter detail: the server's primary message, which is shown for errors of the schema and unknown ones.
    init(sqlState: String, severity: Severity, detail: String = "") {
        let reason = Self.reason(of: sqlState)
        let isFatal = severity == .fatal
        self.init(
            reason, sqlState: sqlState, message: Self.text(reason, detail), isOutcomeUnknown: isFatal,
            keepsConnection: !isFatal && reason != .readOnly)
    }

    static func reason(of sqlState: String) -> Reason {
        switch sqlState {
        case notDurableState: return .notDurable
        case newerSchemaState: return .schema
        case "25006", "57P01", "57P02", "57P03": return .readOnly
        // Lock timeout, object in use, a cancelled statement.
        case "55P03", "55006", "57014": return .busy
        case "53100": return .diskFull
        // Unknown database, dropped database.
        case "3D000", "57P04": return .access
        default: break
        }
        switch sqlState.prefix(2) {
        case "08": return .lost
        case "40", "53": return .busy
        case "3F", "42": return .schema
        case "28": return .access
        // An I/O error: the server's storage fails.
        case "58": return .readOnly
        default: return .other
        }
    }

    private static func text(_ reason: Reason, _ detail: String) -> String {
        switch reason {
        case .lost: return "the connection to the database was lost"
        case .readOnly: return "the database server does not accept writes"
        case .busy: return "the database is busy"
        case .diskFull: return "the disk of the database is full"
        case .schema: return "the schema is missing or does not fit: " + shown(detail)
        case .access: return "the database refuses the connection"
        case .notDurable: return "the database has no synchronous standby (synchronous_standby_names is empty)"
        case .unreachable: return "the database cannot be reached"
        case .other: return "the database reports an error: " + shown(detail)
        }
    }

    /// A message of the server on one line.
    private static func shown(_ detail: String) -> String {
        let shown = detail.unicodeScalars.prefix(200).map { $0.properties.isWhitespace ? " " : $0 }
        return String(String.UnicodeScalarView(shown))
    }

    /// The connection ended while a statement was in progress.
    static let connectionLost = PostgreSQLFailure(
        .lost, message: "the connection to the database was lost", isOutcomeUnknown: true)
    /// The server did not answer in time. The statement is not cancelled: a cancelled wait for standbys commits.
    static let deadline = PostgreSQLFailure(
        .lost, message: "the database did not answer in time", isOutcomeUnknown: true)
    /// A warning in a commit: its wait for standbys was cancelled.
    static let warning = PostgreSQLFailure(
        .lost, message: "the database committed without waiting for its standbys", isOutcomeUnknown: true)
    static let closed = PostgreSQLFailure(.lost, message: "the connection to the database is closed")

    /// Classifies libpq's message about a failed connection, which is not kept.
    ///
    /// With the verbosity PQERRORS_SQLSTATE an error of the server ends in its SQLSTATE.
    static func connecting(_ message: String, server: Int, of count: Int) -> PostgreSQLFailure {
        let prefix = count > 1 ? "database server \(server + 1) of \(count): " : "database server: "
        if let state = sqlState(endOf: message) {
            return PostgreSQLFailure(
                reason(of: state), sqlState: state, message: prefix + text(reason(of: state), "connection refused"))
        }
        let known: [(part: String, reason: Reason, text: String)] = [
            ("session is read-only", .readOnly, "does not accept writes"),
            ("hot standby", .readOnly, "is a standby"),
            ("could not translate host name", .unreachable, "the host name cannot be resolved"),
            ("Connection refused", .unreachable, "the connection was refused"),
            ("No such file", .unreachable, "the socket does not exist"),
            ("o route to host", .unreachable, "no route to the host"),
            ("etwork is unreachable", .unreachable, "the network is unreachable"),
            ("imed out", .unreachable, "timed out"),
            ("timeout", .unreachable, "timed out"),
            ("certificate", .access, "its TLS certificate is not accepted, or a certificate file is unusable"),
            ("SSL", .access, "TLS could not be agreed upon"),
            ("no password supplied", .access, "it requires a password"),
            ("closed the connection", .unreachable, "it closed the connection"),
            ("Connection reset", .unreachable, "the connection was reset"),
        ]
        let found = known.first { message.contains($0.part) }
        return PostgreSQLFailure(
            found?.reason ?? .unreachable, message: prefix + (found?.text ?? "the connection failed"))
    }

    /// The SQLSTATE at the end of a message such as "FATAL:  28P01".
    private static func sqlState(endOf message: String) -> String? {
        guard let last = message.split(whereSeparator: \.isWhitespace).last, last.utf8.count == 5 else { return nil }
        let isState = last.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) }
        return isState && last.utf8.contains { (0x30...0x39).contains($0) } ? String(last) : nil
    }
}
