import Glibc
import TestSupport

/// A blocking HTTP client with one request per connection. It distinguishes a reset from an orderly close.
struct LoopbackClient: Sendable {
    let port: UInt16

    enum Outcome: Equatable {
        /// All bytes received before the server closed.
        case bytes(String)
        case reset
        case timedOut
    }

    struct CannotConnect: Error {
        var code: Int32
    }

    struct Reply {
        var outcome: Outcome

        var text: String {
            if case .bytes(let text) = outcome { text } else { "" }
        }
        var status: Int? { text.split(separator: " ").dropFirst().first.flatMap { Int($0) } }
        var body: String { text.split(separator: "\r\n\r\n", maxSplits: 1).dropFirst().first.map(String.init) ?? "" }

        func hasHeader(_ line: String) -> Bool { text.contains("\r\n\(line)\r\n") }
    }

    func get(_ path: String) throws -> Reply { try send("GET", path, "") }
    func post(_ path: String, _ body: String, timeout: Int = 10_000) throws -> Reply {
        try send("POST", path, body, timeout: timeout)
    }

    /// - Parameter timeout: milliseconds without a byte.
    @discardableResult
    func send(
        _ method: String, _ path: String, _ body: String, contentType: String = "application/json",
        timeout: Int = 10_000
    ) throws -> Reply {
        let descriptor = try connected(timeout: timeout)
        defer { close(descriptor) }
        write(
            "\(method) \(path) HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\nConnection: close\r\n"
                + "Content-Type: \(contentType)\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)", to: descriptor)
        return Reply(outcome: readAll(descriptor))
    }

    func connected(timeout: Int) throws -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var wait = timeval(tv_sec: timeout / 1000, tv_usec: timeout % 1000 * 1000)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &wait, socklen_t(MemoryLayout<timeval>.size))
        guard Loopback.connect(descriptor, to: port) else {
            close(descriptor)
            throw CannotConnect(code: errno)
        }
        return descriptor
    }

    func write(_ text: String, to descriptor: Int32) {
        let bytes = Array(text.utf8)
        _ = Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
    }

    func readAll(_ descriptor: Int32) -> Outcome {
        var received: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            if count > 0 {
                received += buffer[..<count]
            } else if count == 0 {
                return .bytes(String(decoding: received, as: UTF8.self))
            } else {
                return errno == EAGAIN ? .timedOut : .reset
            }
        }
    }
}
