import Foundation
import Glibc

/// A blocking socket to a test's server, for requests that no HTTP client sends.
public final class Client {
    private let descriptor: Int32
    private var received: [UInt8] = []

    public struct Answer: Equatable, Sendable {
        public var status: Int
        public var headers: [String: String]
        public var body: String
    }

    public init(port: UInt16) {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var timeout = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        _ = Loopback.connect(descriptor, to: port)
    }

    deinit { close(descriptor) }

    /// Sends one request on a new connection. Returns nil if the server closes without a response.
    public static func request(
        _ method: String, _ path: String, port: UInt16, headers: [String] = [], body: [UInt8] = []
    ) -> Answer? {
        let client = Client(port: port)
        client.send(head(method, path, headers, body.count), body)
        return client.answer(toHEAD: method == "HEAD")
    }

    /// Sends one request on this connection, which stays open.
    public func request(_ method: String, _ path: String, headers: [String] = [], body: [UInt8] = []) -> Answer? {
        send(Self.head(method, path, headers, body.count), body)
        return answer(toHEAD: method == "HEAD")
    }

    private static func head(_ method: String, _ path: String, _ headers: [String], _ length: Int) -> String {
        let hasType = headers.contains { $0.hasPrefix("Content-Type:") }
        let type = hasType ? [] : ["Content-Type: application/json"]
        let fields = ["Host: localhost"] + type + ["Content-Length: \(length)"] + headers
        return "\(method) \(path) HTTP/1.1\r\n\(fields.joined(separator: "\r\n"))\r\n\r\n"
    }

    public func send(_ text: String, _ body: [UInt8] = []) {
        let bytes = Array(text.utf8) + body
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return }
            sent += count
        }
    }

    /// Sends the same bytes repeatedly until no byte can be sent for half a second. Returns the number of sent bytes.
    public func sendWithoutWaiting(_ bytes: [UInt8], upTo limit: Int) -> Int {
        var sent = 0
        while sent < limit {
            let start = sent % bytes.count
            let count = bytes[start...].withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL | MSG_DONTWAIT))
            }
            if count > 0 {
                sent += count
                continue
            }
            var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            guard errno == EAGAIN, poll(&entry, 1, 500) == 1, entry.revents & Int16(POLLOUT) != 0 else { break }
        }
        return sent
    }

    public func finishSending() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// Whether the server has closed its side and all its bytes have been read. Waits for bytes or the end.
    public func isClosedByServer() -> Bool { received.isEmpty && !fill() }

    /// Reads one response. Returns nil if the server closes first.
    public func answer(toHEAD: Bool = false) -> Answer? {
        guard let head = read(until: "\r\n\r\n") else { return nil }
        let lines = head.split(separator: "\r\n")
        guard let first = lines.first, first.hasPrefix("HTTP/1."), let status = Int(first.dropFirst(9).prefix(3)) else {
            return nil
        }
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            headers[parts[0].lowercased()] = parts.count > 1 ? String(parts[1].drop { $0 == " " }) : ""
        }
        let length = toHEAD || status == 100 ? 0 : Int(headers["content-length"] ?? "0") ?? 0
        while received.count < length, fill() {}
        let body = String(decoding: received.prefix(length), as: UTF8.self)
        received.removeFirst(min(length, received.count))
        return Answer(status: status, headers: headers, body: body)
    }

    /// Reads until the server closes its side.
    public func rest() -> String {
        while fill() {}
        defer { received = [] }
        return String(decoding: received, as: UTF8.self)
    }

    private func read(until end: String) -> String? {
        let end = Array(end.utf8)
        while true {
            if let start = received.indices.first(where: { received[$0...].starts(with: end) }) {
                let text = String(decoding: received[..<start], as: UTF8.self)
                received.removeFirst(start + end.count)
                return text
            }
            guard fill() else { return nil }
        }
    }

    private func fill() -> Bool {
        var buffer = [UInt8](repeating: 0, count: 64 * 1024)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        guard count > 0 else { return false }
        received += buffer[..<count]
        return true
    }
}

/// Runs blocking socket code off the loop and off the cooperative pool.
public func offLoop<Value: Sendable>(_ work: @escaping @Sendable () -> Value) async -> Value {
    await withCheckedContinuation { done in
        // A new thread, because blocking calls of other suites can exhaust Dispatch's global pool.
        Thread { done.resume(returning: work()) }.start()
    }
}
