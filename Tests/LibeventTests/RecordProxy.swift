import Support
import Glibc
import Libevent
import TestSupport

/// Stands between one TLS 1.2 client and a server, and makes something of the client's first record of application
/// data that no client does by itself at will.
final class RecordProxy: Sendable {
    enum Plan {
        /// Hands on the first half of it, and nothing after it.
        case halve
        /// Hands it on together with the one that follows.
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

    /// Whether a record waits for the one that follows.
    var isHolding: Bool { held.withLock { $0?.isEmpty == false } }

    /// What to send now that a record has come.
    private func handOn(_ record: [UInt8]) -> [UInt8] {
        guard record[0] == Self.applicationData else { return record }
        if plan == .halve { return Array(record.prefix(record.count / 2)) }
        return held.withLock { held in
            let isFirst = held == nil
            defer { held = isFirst ? record : [] }
            return isFirst ? [] : (held ?? []) + record
        }
    }

    /// Returns once the server has closed its connection; blocks until then.
    func serveOne() {
        let client = accept(listener, nil, nil)
        let upstream = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        defer { for descriptor in [client, upstream] { close(descriptor) } }
        guard Loopback.connect(upstream, to: server) else { return }
        var isCut = false
        while true {
            // With the end of its record held back, only the server has anything to say.
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
                let ready = handOn(record)
                isCut = plan == .halve && ready.count < record.count
                send(upstream, ready, ready.count, Int32(MSG_NOSIGNAL))
            }
        }
    }

    /// A record with its header of five bytes: kind, version, length (RFC 5246 §6.2.1).
    private static func record(from descriptor: Int32) -> [UInt8]? {
        var record = [UInt8](repeating: 0, count: 5)
        guard recv(descriptor, &record, 5, Int32(MSG_WAITALL)) == 5 else { return nil }
        let length = Int(record[3]) << 8 | Int(record[4])
        var body = [UInt8](repeating: 0, count: length)
        guard recv(descriptor, &body, length, Int32(MSG_WAITALL)) == length else { return nil }
        return record + body
    }
}
