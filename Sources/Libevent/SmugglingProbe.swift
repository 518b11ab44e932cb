import CLibevent
import Dispatch
import Glibc
import Support

/// Tests for request smuggling by attempting it: first on the loaded libevent, then on an `HTTPServer` with its gate.
///
/// libevent 2.1.12-stable-8 and the patched -8+deb12u1 report the same version string, so only their behaviour differs.
/// A request with both Content-Length and Transfer-Encoding must be refused (RFC 9112 §6.1). The unpatched version
/// parses the rest of the body as a second request.
public enum SmugglingProbe {
    public enum Verdict: Sendable, Equatable {
        case safe
        case vulnerable
        /// The gate passes this request or answers it twice.
        case leaking(String)
        /// There is no loopback interface, or no response within a second.
        case unknown(String)
    }

    private static let attack =
        "POST /first HTTP/1.1\r\nHost: probe\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
        + "0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: probe\r\n\r\n"

    /// Requests whose bodies some parsers treat as requests. Each must get one response, 400, and reach no handler.
    private static let gateAttacks = [
        attack,
        "HEAD /first HTTP/1.1\r\nHost: probe\r\nContent-Length: \(smuggled.utf8.count)\r\n\r\n" + smuggled,
        "TRACE /first HTTP/1.1\r\nHost: probe\r\nContent-Length: \(smuggled.utf8.count)\r\n\r\n" + smuggled,
        "HEAD /first HTTP/1.1\r\nHost: probe\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked,
        "POST /first HTTP/1.1\r\nHost: probe\r\nContent-Length: 0\0\(smuggled.utf8.count)\r\n\r\n" + smuggled,
        "POST /first HTTP/1.1\r\nHost: probe\r\nTransfer-Encoding : chunked\r\n\r\n" + chunked,
    ]
    private static let smuggled = "GET /smuggled HTTP/1.1\r\nHost: probe\r\n\r\n"
    private static let chunked = "\(String(smuggled.utf8.count, radix: 16))\r\n\(smuggled)\r\n0\r\n\r\n"

    /// Attacks a bare evhttp and an `HTTPServer` on free loopback ports. Blocks for some milliseconds.
    ///
    /// - precondition: not called on the loop, which must respond.
    public static func run() -> Verdict {
        expect(!LoopActor.loop.isCurrentThread, "the probe must not run on the loop")
        do {
            let verdict = try attackBareEvhttp()
            return verdict == .safe ? try attackGate() : verdict
        } catch {
            return .unknown(error.description)
        }
    }

    /// A server on the loop that counts the requests that reach its handler.
    @LoopActor
    private final class Target {
        private var server: HTTPServer?
        let address: SocketAddress

        init() throws(SocketError) {
            let counter = Counter()
            let server = HTTPServer(limits: HTTPLimits()) { exchange in
                counter.count += 1
                exchange.reply(status: 200, body: [])
            }
            address = try server.listen(on: SocketAddress(host: "127.0.0.1", port: 0))
            self.server = server
            self.counter = counter
        }

        @LoopActor private final class Counter { var count = 0 }
        private let counter: Counter
        var count: Int { counter.count }

        /// Frees the server once no reply is awaited, as it must not be freed before.
        func stop() {
            server?.stopListening()
            server?.whenIdle { self.server = nil }
        }
    }

    private static func attackGate() throws(SocketError) -> Verdict {
        let target = try onLoop { () throws(SocketError) in try Target() }
        defer { LoopActor.post { target.stop() } }
        for attack in gateAttacks {
            let client = try connect(to: onLoop { target.address })
            defer { close(client) }
            let bytes = Array(attack.utf8)
            _ = send(client, bytes, bytes.count, Int32(MSG_NOSIGNAL))
            shutdown(client, Int32(SHUT_WR))
            let answer = wholeAnswer(on: client)
            if answer.isEmpty { return .unknown("no answer to the probe") }
            let count = try onLoop { target.count }
            guard answer.hasPrefix("HTTP/1.1 400 "), !answer.dropFirst().contains("HTTP/1.1 "), count == 0 else {
                return .leaking(String(attack.prefix { $0 != "\r\n" }))
            }
        }
        return .safe
    }

    /// Runs loop code and waits for its result.
    private static func onLoop<Value: Sendable>(
        _ work: @escaping @LoopActor @Sendable () throws(SocketError) -> Value
    ) throws(SocketError) -> Value {
        let done = DispatchSemaphore(value: 0)
        let result = Locked<Result<Value, SocketError>?>(nil)
        LoopActor.post {
            let outcome = Result { () throws(SocketError) in try work() }
            result.withLock { $0 = outcome }
            done.signal()
        }
        done.wait()
        guard let outcome = result.withLock({ $0 }) else { throw SocketError(description: "the loop gave no result") }
        return try outcome.get()
    }

    /// Reads until the server closes, or sends nothing for a second.
    private static func wholeAnswer(on client: Int32) -> String {
        var timeout = timeval(tv_sec: 1, tv_usec: 0)
        setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        var answer: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1024)
        while answer.count < 16384 {
            let count = recv(client, &buffer, buffer.count, 0)
            guard count > 0 else { break }
            answer += buffer[..<count]
        }
        return String(decoding: answer, as: UTF8.self)
    }

    private static func attackBareEvhttp() throws(SocketError) -> Verdict {
        let address = SocketAddress(host: "127.0.0.1", port: 0)
        let (listening, bound) = try address.makeListeningSocket(acceptsIPv4: true)
        guard let base = event_base_new(), let http = evhttp_new(base) else {
            close(listening)
            throw SocketError(description: "libevent cannot make a server to probe")
        }
        // In this order: freeing the server needs the base to close its listener and connections.
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
        // The listener's backlog completes the connection before it is accepted.
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
            var entry = pollfd(fd: client, events: Int16(POLLIN), revents: 0)
            poll(&entry, 1, 1)
        }
        return ""
    }
}
