import Support
import Glibc
import TestSupport

/// A proxy between one TLS 1.2 client and a server. It alters the timing of the client's first application data record,
/// which clients cannot do on request.
final class RecordProxy: Sendable {
    enum Plan {
        /// Sends the first half of the record and nothing after it.
        case halve
        /// Sends the record together with the next one.
        case join
    }

    let port: UInt16
    private let plan: Plan
    private let held = Locked<[UInt8]?>(nil)
    private let listener: Int32
    private let server: UInt16
    private static let applicationData: UInt8 = 23

    init(to server: UInt16, _ plan: Plan) throws {
        self.plan = plan
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        self.server = server
        port = try Loopback.bindToFreePort(listener)
        listen(listener, 1)
    }

    deinit { close(listener) }

    /// Whether a record is held until the next one arrives.
    var isHolding: Bool { held.withLock { $0?.isEmpty == false } }

    /// The bytes to send after a record has arrived.
    private func bytesToSend(after record: [UInt8]) -> [UInt8] {
        guard record[0] == Self.applicationData else { return record }
        if plan == .halve { return Array(record.prefix(record.count / 2)) }
        return held.withLock { held in
            let isFirst = held == nil
            defer { held = isFirst ? record : [] }
            return isFirst ? [] : (held ?? []) + record
        }
    }

    /// Serves one client. Blocks until the server has closed its connection.
    func serveOne() {
        let client = accept(listener, nil, nil)
        let upstream = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        defer { for descriptor in [client, upstream] { close(descriptor) } }
        guard Loopback.connect(upstream, to: server) else { return }
        var isCut = false
        while true {
            // Once the record is truncated, read only from the server.
            var ends = [
                pollfd(fd: upstream, events: Int16(POLLIN), revents: 0),
                pollfd(fd: isCut ? -1 : client, events: Int16(POLLIN), revents: 0),
            ]
            poll(&ends, 2, -1)
            if ends[0].revents != 0 {
                var buffer = [UInt8](repeating: 0, count: 16 * 1024)
                let count = recv(upstream, &buffer, buffer.count, 0)
                guard count > 0 else { return }
                send(client, buffer, count, Int32(MSG_NOSIGNAL))
            }
            if ends[1].revents != 0 {
                guard let record = Self.record(from: client) else { return }
                let ready = bytesToSend(after: record)
                isCut = plan == .halve && ready.count < record.count
                send(upstream, ready, ready.count, Int32(MSG_NOSIGNAL))
            }
        }
    }

    /// Reads a record with its header of five bytes: type, version, length (RFC 5246 §6.2.1).
    private static func record(from descriptor: Int32) -> [UInt8]? {
        var record = [UInt8](repeating: 0, count: 5)
        guard recv(descriptor, &record, 5, Int32(MSG_WAITALL)) == 5 else { return nil }
        let length = Int(record[3]) << 8 | Int(record[4])
        var body = [UInt8](repeating: 0, count: length)
        guard recv(descriptor, &body, length, Int32(MSG_WAITALL)) == length else { return nil }
        return record + body
    }
}
