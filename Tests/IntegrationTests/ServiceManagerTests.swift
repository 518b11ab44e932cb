import Foundation
import Glibc
import TestSupport
import Testing

/// Tests of systemd's protocols. The tests implement systemd's side, because they must run without systemd.
@Suite(.serialized, .timeLimit(.minutes(2)))
struct ServiceManagerTests {
    /// The socket that `NOTIFY_SOCKET` names.
    private final class NotifySocket {
        private let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        private(set) var received: [String] = []
        let name: String

        init(_ name: String) {
            self.name = name
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            var bytes = Array(name.utf8)
            if bytes[0] == UInt8(ascii: "@") { bytes[0] = 0 }
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
            let size = socklen_t(MemoryLayout<sa_family_t>.size + bytes.count)
            let code = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, size) }
            }
            precondition(code == 0, "cannot bind \(name)")
        }

        deinit { close(descriptor) }

        func has(_ line: String) -> Bool {
            var buffer = [UInt8](repeating: 0, count: 4096)
            while case let count = recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT)), count > 0 {
                received += String(decoding: buffer[..<count], as: UTF8.self).split(separator: "\n").map(String.init)
            }
            return received.contains { $0.hasPrefix(line) }
        }
    }

    @Test(arguments: [true, false])
    func serviceManagerIsNotifiedOfEveryState(abstract: Bool) throws {
        let folder = TemporaryFolder()
        let socket = NotifySocket(abstract ? "@relay-test-\(UUID().uuidString)" : folder.path + "/notify")
        let rig = try Rig(environment: ["NOTIFY_SOCKET": socket.name, "WATCHDOG_USEC": "600000"])
        #expect(eventually { socket.has("READY=1") })
        #expect(rig.get("/-/ready")?.status == 200)
        #expect(eventually { socket.has("WATCHDOG=1") && socket.has("STATUS=relaying; nothing pending") })
        rig.relay.send(SIGHUP)
        #expect(eventually { socket.has("RELOADING=1") && socket.has("MONOTONIC_USEC=") })
        rig.relay.send(SIGTERM)
        #expect(eventually { socket.has("STOPPING=1") && socket.has("EXTEND_TIMEOUT_USEC=18000000") })
        #expect(rig.relay.exitCode() == 0)
    }

    @Test func aRestartOnAnInheritedSocketRefusesNoConnection() throws {
        let (descriptor, port) = try listeningSocket()
        defer { close(descriptor) }
        let folder = TemporaryFolder()
        let environment = [
            "ROCKETCHAT_WEBHOOK_CRITICAL": "http://127.0.0.1:9/hooks/a/b", "RELAY_STORAGE_PATH": folder.path + "/spool",
        ]
        // The socket is descriptor 3 in the relay, and LISTEN_PID must be the relay's process ID.
        let relay = try Program.path("relay")
        let script = "exec 3<&0 0</dev/null; export LISTEN_FDS=1 LISTEN_PID=$$; exec \(relay) serve"
        let first = try Program("/bin/sh", ["-c", script], environment: environment, input: descriptor)
        #expect(Client.request("POST", "/webhook", port: port, body: numbered(1))?.status == 200)
        first.send(SIGTERM)
        #expect(first.exitCode() == 0)

        // No process serves now, but the connection is in the backlog until the next process accepts it.
        let waiting = Client(port: port)
        let body = numbered(2)
        waiting.send("POST /webhook HTTP/1.1\r\nHost: t\r\nContent-Length: \(body.count)\r\n\r\n", body)
        let second = try Program("/bin/sh", ["-c", script], environment: environment, input: descriptor)
        #expect(waiting.answer()?.status == 200)
        #expect(second.output.contains("1 inherited"))
    }

    @Test func descriptorThatIsNotAListeningSocketIsReported() throws {
        let relay = try Program.path("relay")
        let folder = TemporaryFolder()
        let script = "exec 3</dev/null; export LISTEN_FDS=1 LISTEN_PID=$$; exec \(relay) serve"
        let program = try Program(
            "/bin/sh", ["-c", script],
            environment: [
                "ROCKETCHAT_WEBHOOK_CRITICAL": "http://127.0.0.1:9/hooks/a/b",
                "RELAY_STORAGE_PATH": folder.path + "/spool",
            ])
        #expect(program.exitCode() == 1)
        #expect(program.output.contains("descriptor 3 is no listening stream socket"))
    }

    /// A listening socket without CLOEXEC, so that child processes inherit it.
    private func listeningSocket() throws -> (Int32, UInt16) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        let port = try Loopback.bindToFreePort(descriptor)
        try #require(listen(descriptor, 16) == 0)
        return (descriptor, port)
    }
}
