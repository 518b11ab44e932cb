import CPostgreSQL
import Glibc
import Support

/// A connection to one server. Each call has a deadline, and blocks the caller until then at most. It must be used by one
/// queue at a time.
///
/// A statement that is not answered in time is never cancelled: a server that waits for standbys would commit without
/// them. The connection is closed, and the outcome is unknown.
package final class PostgreSQLConnection {
    /// Warnings of the current statement.
    private final class Notices {
        var hasWarning = false
    }

    private let notices = Notices()
    private var handle: OpaquePointer?
    /// Which of the servers this is.
    package let server: Int

    /// Connects to the first server that accepts a connection, beginning with `first`. Resolving host names can take
    /// longer than the deadline, because libpq waits for the resolver.
    package convenience init(
        _ servers: PostgreSQLServers, first: Int = 0, within time: Duration
    ) throws(PostgreSQLFailure) {
        let deadline = ContinuousClock.now + time
        var failure = PostgreSQLFailure(.unreachable, message: "the database did not answer in time")
        for offset in 0..<servers.count {
            let remaining = deadline - .now
            guard remaining > .zero else { break }
            let index = (max(0, first) + offset) % servers.count
            do throws(PostgreSQLFailure) {
                let (handle, notices) = try Self.connect(
                    servers.targets[index], index, of: servers.count,
                    until: .now + min(remaining, servers.connectTimeout))
                self.init(handle, notices, index)
                return
            } catch {
                // An error of the configuration is more helpful than that of a server that is down.
                if offset == 0 || error.reason == .access || failure.reason == .unreachable { failure = error }
            }
        }
        throw failure
    }

    private init(_ handle: OpaquePointer, _ notices: Notices, _ server: Int) {
        (self.handle, self.server) = (handle, server)
        PQsetnonblocking(handle, 1)
        PQsetErrorVerbosity(handle, PQERRORS_DEFAULT)
        Self.observe(handle, self.notices)
    }

    deinit { close() }

    package var isOpen: Bool { handle != nil }

    /// The server's process for this connection; nil if it is closed.
    package var serverProcess: Int32? { handle.map { PQbackendPID($0) } }

    package func close() {
        if let handle { PQfinish(handle) }
        handle = nil
    }

    /// Runs one statement in a transaction of its own and returns its rows.
    ///
    /// A success means that the server has committed and, if it has synchronous standbys, waited for them.
    package func query(
        _ sql: String, _ parameters: [PostgreSQLValue] = [], within time: Duration
    ) throws(PostgreSQLFailure) -> PostgreSQLRows {
        guard let handle else { throw .closed }
        let deadline = ContinuousClock.now + time
        notices.hasWarning = false
        do throws(PostgreSQLFailure) {
            try send(sql, parameters, to: handle)
            try flush(handle, until: deadline)
            return try rows(handle, until: deadline)
        } catch {
            if !error.keepsConnection || PQstatus(handle) != CONNECTION_OK { close() }
            throw error
        }
    }

    // MARK: Statements

    private func send(
        _ sql: String, _ parameters: [PostgreSQLValue], to handle: OpaquePointer
    ) throws(PostgreSQLFailure) {
        let values = parameters.map(\.encoded)
        // A message of the protocol has at most 1 GiB.
        guard values.reduce(0, { $0 + ($1?.count ?? 0) }) < 512 << 20, values.count < 1_000 else {
            throw PostgreSQLFailure(.other, message: "a statement for the database is too large", keepsConnection: true)
        }
        let types = parameters.map(\.type)
        let lengths = values.map { Int32($0?.count ?? 0) }
        let formats = values.map { _ in Int32(1) }
        // One buffer holds all values, so that their addresses stay valid during the call. Empty values need an address
        // too, because nil means NULL.
        var offsets: [Int?] = []
        var buffer: [UInt8] = []
        buffer.reserveCapacity(values.reduce(1) { $0 + ($1?.count ?? 0) })
        for value in values {
            offsets.append(value == nil ? nil : buffer.count)
            buffer += value ?? []
        }
        buffer.append(0)
        let isSent = buffer.withUnsafeBytes { bytes in
            let start = bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
            let pointers = offsets.map { offset in offset.flatMap { start?.advanced(by: $0) } }
            return PQsendQueryParams(
                handle, sql, Int32(values.count), types, pointers, lengths, formats, 1)
        }
        // Nothing was executed: the server acts on a statement only after its last byte.
        if isSent != 1 { throw .closed }
    }

    private func flush(_ handle: OpaquePointer, until deadline: ContinuousClock.Instant) throws(PostgreSQLFailure) {
        while true {
            switch PQflush(handle) {
            case 0: return
            case 1: break
            default: throw .connectionLost
            }
            guard let events = try Self.wait(handle, POLLIN | POLLOUT, until: deadline) else { throw .deadline }
            // The server may send notices or an error before it reads everything.
            if events & POLLIN != 0, PQconsumeInput(handle) != 1 { throw .connectionLost }
        }
    }

    /// Waits for the end of the command. A result alone does not mean that the transaction was committed: the server
    /// sends it before it commits.
    private func rows(
        _ handle: OpaquePointer, until deadline: ContinuousClock.Instant
    ) throws(PostgreSQLFailure) -> PostgreSQLRows {
        var rows: PostgreSQLRows?
        var failure: PostgreSQLFailure?
        while true {
            while PQisBusy(handle) != 0 {
                guard try Self.wait(handle, POLLIN, until: deadline) != nil else { throw .deadline }
                guard PQconsumeInput(handle) == 1 else { throw failure ?? .connectionLost }
            }
            guard let result = PQgetResult(handle) else { break }
            switch PQresultStatus(result) {
            case PGRES_TUPLES_OK, PGRES_COMMAND_OK: rows = PostgreSQLRows(result)
            default:
                failure = failure ?? Self.failure(of: result)
                PQclear(result)
            }
        }
        if let failure { throw failure }
        if notices.hasWarning { throw .warning }
        guard let rows, PQstatus(handle) == CONNECTION_OK else { throw .connectionLost }
        return rows
    }

    private static func failure(of result: OpaquePointer) -> PostgreSQLFailure {
        let field = { (code: Character) in
            PQresultErrorField(result, Int32(code.asciiValue ?? 0)).map { String(cString: $0) }
        }
        // Without an SQLSTATE the error is libpq's own: the connection ended.
        guard let state = field("C") else { return .connectionLost }
        // PG_DIAG_SEVERITY_NONLOCALIZED is "V", since PostgreSQL 9.6.
        let severity = field("V")
        return PostgreSQLFailure(
            sqlState: state, severity: severity == "ERROR" ? .error : .fatal, detail: field("M") ?? "")
    }

    // MARK: Connecting

    private static func connect(
        _ target: PostgreSQLServers.Target, _ index: Int, of count: Int, until deadline: ContinuousClock.Instant
    ) throws(PostgreSQLFailure) -> (OpaquePointer, Notices) {
        let keywords = target.options.map { strdup($0.keyword) } + [nil]
        let values = target.options.map { strdup($0.value.revealed) } + [nil]
        defer { for text in keywords + values { free(text) } }
        let started = PQconnectStartParams(
            keywords.map { UnsafePointer($0) }, values.map { UnsafePointer($0) }, 0)
        guard let handle = started else { throw PostgreSQLFailure(.busy, message: "no memory for a connection") }
        let notices = Notices()
        observe(handle, notices)
        PQsetErrorVerbosity(handle, PQERRORS_SQLSTATE)
        do throws(PostgreSQLFailure) {
            guard PQstatus(handle) != CONNECTION_BAD else {
                throw .connecting(String(cString: PQerrorMessage(handle)), server: index, of: count)
            }
            var state = PGRES_POLLING_WRITING
            while state != PGRES_POLLING_OK {
                guard state != PGRES_POLLING_FAILED else {
                    throw .connecting(String(cString: PQerrorMessage(handle)), server: index, of: count)
                }
                let events = state == PGRES_POLLING_READING ? POLLIN : POLLOUT
                guard try wait(handle, events, until: deadline) != nil else {
                    throw .connecting("timeout", server: index, of: count)
                }
                state = PQconnectPoll(handle)
            }
        } catch {
            PQfinish(handle)
            throw error
        }
        return (handle, notices)
    }

    /// Receives notices, which libpq would write to standard error.
    private static func observe(_ handle: OpaquePointer, _ notices: Notices) {
        // Unretained: the connection owns the notices and ends the handle before it releases them.
        PQsetNoticeReceiver(
            handle,
            { context, result in
                guard let context else { return }
                let severity = PQresultErrorField(result, Int32(UInt8(ascii: "V"))).map { String(cString: $0) }
                if severity == "WARNING" {
                    Unmanaged<Notices>.fromOpaque(context).takeUnretainedValue().hasWarning = true
                }
            }, Unmanaged.passUnretained(notices).toOpaque())
    }

    /// Waits until the socket is ready or the deadline has passed. Returns the events; nil after the deadline.
    private static func wait(
        _ handle: OpaquePointer, _ events: Int32, until deadline: ContinuousClock.Instant
    ) throws(PostgreSQLFailure) -> Int32? {
        while true {
            let socket = PQsocket(handle)
            guard socket >= 0 else { throw .connectionLost }
            let remaining = max(.zero, min(deadline - .now, .seconds(3600)))
            let (seconds, attoseconds) = remaining.components
            // Rounded up, so that the last wait is not a busy one.
            let milliseconds = seconds * 1_000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000
            var poll = pollfd(fd: socket, events: Int16(events), revents: 0)
            let count = Glibc.poll(&poll, 1, Int32(milliseconds))
            if count > 0 { return Int32(poll.revents) }
            if count < 0, errno != EINTR { throw .connectionLost }
            if ContinuousClock.now >= deadline { return nil }
        }
    }
}
