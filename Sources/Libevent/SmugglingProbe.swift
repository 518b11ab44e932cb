import CLibevent
import Glibc

/// Finds out whether the libevent that runs lets requests be smuggled, by trying it.
///
/// 2.1.12-stable-8 and the patched -8+deb12u1 give the same version string, so only behaviour tells them apart: a
/// request with both Content-Length and Transfer-Encoding must be refused (RFC 9112 §6.1), where the old one takes the
/// rest of the body for a second request.
public enum SmugglingProbe {
    public enum Verdict: Sendable, Equatable {
        case safe
        case vulnerable
        /// No loopback to try it on, or no answer within a second.
        case unknown(String)
    }

    private static let attack =
        "POST /first HTTP/1.1\r\nHost: probe\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
        + "0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: probe\r\n\r\n"

    /// Runs one attack against a bare evhttp of its own on a free loopback port; blocks for about a millisecond.
    public static func run() -> Verdict {
        do {
            return try attempt()
        } catch {
            return .unknown(error.description)
        }
    }

    private static func attempt() throws(SocketError) -> Verdict {
        let address = SocketAddress(host: "127.0.0.1", port: 0)
        let (listening, bound) = try address.makeListeningSocket(acceptsIPv4: true)
        guard let base = event_base_new(), let http = evhttp_new(base) else {
            close(listening)
            throw SocketError(description: "libevent cannot make a server to probe")
        }
        // Freed in this order: the server closes its listener and connections while the base still lives.
        defer {
            evhttp_free(http)
            event_base_free(base)
        }
        evhttp_set_gencb(http, { request, _ in evhttp_send_reply(request, 200, nil, nil) }, nil)
        guard evhttp_accept_socket_with_handle(http, listening) != nil else {
            close(listening)
            throw SocketError(description: "libevent cannot listen for the probe")
        }
        let client = try connect(to: bound)
        defer { close(client) }
        _ = attack.withCString { send(client, $0, strlen($0), Int32(MSG_NOSIGNAL)) }
        let answer = answer(on: client, running: base)
        if answer.hasPrefix("HTTP/1.1 4") { return .safe }
        if answer.isEmpty { return .unknown("no answer to the probe") }
        return .vulnerable
    }

    private static func connect(to address: SocketAddress) throws(SocketError) -> Int32 {
        let client = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard client >= 0 else { throw .failed("cannot make a socket") }
        var target = sockaddr_in()
        target.sin_family = sa_family_t(AF_INET)
        target.sin_port = address.port.bigEndian
        inet_pton(AF_INET, address.host, &target.sin_addr)
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        // The listener's backlog takes the connection at once; nothing has to accept it first.
        let code = withUnsafePointer(to: &target) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { Glibc.connect(client, $0, size) }
        }
        guard code == 0 else {
            let error = SocketError.failed("cannot connect to \(address)")
            close(client)
            throw error
        }
        return client
    }

    private static func answer(on client: Int32, running base: OpaquePointer) -> String {
        let deadline = ContinuousClock.now + .seconds(1)
        var buffer = [UInt8](repeating: 0, count: 512)
        while ContinuousClock.now < deadline {
            event_base_loop(base, EVLOOP_NONBLOCK)
            let count = recv(client, &buffer, buffer.count, Int32(MSG_DONTWAIT))
            if count > 0 { return String(decoding: buffer[..<count], as: UTF8.self) }
            if count == 0 { return "" }
            var turn = pollfd(fd: client, events: Int16(POLLIN), revents: 0)
            poll(&turn, 1, 1)
        }
        return ""
    }
}
