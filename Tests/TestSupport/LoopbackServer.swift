import Foundation
import Support

/// A server on 127.0.0.1 that runs a test's closure for each connection. It uses plain sockets, because an HTTP
/// library does not let a test misbehave.
package final class LoopbackServer: Sendable {
    package let port: UInt16
    private let listener: Int32
    /// Whether the listener is open. Only its thread closes it, because the process reuses closed descriptor numbers.
    private let isListening = Locked(true)
    private let seen = Locked<[Request]>([])

    package struct Request: Sendable {
        /// Counts from 1.
        package var connection: Int
        /// Request line and header lines.
        package var head: String
        package var body: [UInt8]
    }

    /// One accepted connection; closed when the test's closure returns.
    package struct Connection: Sendable {
        package let number: Int
        fileprivate let socket: Int32
        fileprivate let server: LoopbackServer
    }

    package init(_ serve: @escaping @Sendable (Connection) -> Void) throws {
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        port = try Loopback.bindToFreePort(listener)
        guard listen(listener, 16) == 0 else { throw Loopback.Failure(code: errno) }
        Thread.detachNewThread { [listener, isListening, weak self] in
            defer {
                isListening.withLock { isListening in
                    isListening = false
                    close(listener)
                }
            }
            var accepted = 0
            while case let socket = accept(listener, nil, nil), socket >= 0 {
                accepted += 1
                guard let self else {
                    close(socket)
                    return
                }
                let connection = Connection(number: accepted, socket: socket, server: self)
                Thread.detachNewThread {
                    serve(connection)
                    close(connection.socket)
                }
            }
        }
    }

    /// Stops accepting; connections end with the closures that serve them.
    package func stop() {
        isListening.withLock { isListening in
            if isListening { shutdown(listener, Int32(SHUT_RDWR)) }
        }
    }

    package var requests: [Request] { seen.withLock { $0 } }

    package func url(_ path: String = "/hooks/integrationID/tokenTokenToken") -> String {
        "http://127.0.0.1:\(port)\(path)"
    }

    /// Calls the closure with a port that is bound but does not listen.
    package static func withClosedPort(_ body: (UInt16) throws -> Void) throws {
        let bound = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(bound) }
        try body(Loopback.bindToFreePort(bound))
    }

    fileprivate func record(_ request: Request) {
        seen.withLock { $0.append(request) }
    }
}

extension LoopbackServer.Connection {
    /// Returns the next complete request, or nil if the client closed the connection.
    package func readRequest() -> LoopbackServer.Request? {
        var bytes: [UInt8] = []
        while !bytes.suffix(4).elementsEqual(Array("\r\n\r\n".utf8)) {
            guard let byte = read(upTo: 1) else { return nil }
            bytes += byte
        }
        let head = String(decoding: bytes, as: UTF8.self)
        var body: [UInt8] = []
        while body.count < Self.contentLength(of: head) {
            guard let piece = read(upTo: Self.contentLength(of: head) - body.count) else { return nil }
            body += piece
        }
        let request = LoopbackServer.Request(connection: number, head: head, body: body)
        server.record(request)
        return request
    }

    /// Returns the next line without its end, or nil if the client closed the connection.
    package func readLine() -> String? {
        var bytes: [UInt8] = []
        while bytes.last != UInt8(ascii: "\n") {
            guard let byte = read(upTo: 1) else { return nil }
            bytes += byte
        }
        return String(decoding: bytes.dropLast(bytes.suffix(2).first == UInt8(ascii: "\r") ? 2 : 1), as: UTF8.self)
    }

    /// Returns false if the client closed the connection.
    @discardableResult
    package func send(_ text: String) -> Bool { send(Array(text.utf8)) }

    @discardableResult
    package func send(_ bytes: [UInt8]) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let sent = rest.withUnsafeBytes {
                Glibc.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard sent > 0 else { return false }
            rest = rest.dropFirst(sent)
        }
        return true
    }

    /// Makes the next close send a reset.
    package func resetOnClose() {
        var linger = linger(l_onoff: 1, l_linger: 0)
        setsockopt(socket, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<linger>.size))
    }

    /// Ends the connection in both directions; the descriptor is closed when the test's closure returns.
    package func close() { _ = shutdown(socket, Int32(SHUT_RDWR)) }

    /// Sends nothing until the client closes the connection.
    package func hang() {
        while read(upTo: 4096) != nil {}
    }

    private func read(upTo count: Int) -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: count)
        let received = recv(socket, &buffer, count, 0)
        return received > 0 ? Array(buffer.prefix(received)) : nil
    }

    private static func contentLength(of head: String) -> Int {
        let line = head.split(separator: "\r\n").first { $0.lowercased().hasPrefix("content-length:") }
        return line.flatMap { Int($0.split(separator: " ").last ?? "") } ?? 0
    }
}
