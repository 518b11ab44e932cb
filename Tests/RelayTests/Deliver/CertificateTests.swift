import Foundation
import Testing

@testable import Relay

/// TLS against `openssl s_server`, which takes a connection and answers no POST: how far the request came shows
/// whether the certificate was accepted.
@Suite(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/openssl")))
struct CertificateTests {
    /// A server with a fresh certificate of its own making, for the name `localhost`.
    private final class TLSServer {
        let folder = FileManager.default.temporaryDirectory.appending(path: "relay-tls-\(UUID().uuidString)")
        var certificate: String { folder.appending(path: "certificate.pem").path }
        private let server = Process()
        private(set) var port = 0

        init() throws {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            let key = folder.appending(path: "key.pem").path
            let make = Process()
            Self.prepare(
                make,
                "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost"
                    + " -addext subjectAltName=DNS:localhost -keyout \(key) -out \(certificate)")
            try make.run()
            make.waitUntilExit()
            try LoopbackServer.withDeafPort { port = Int($0) }
            Self.prepare(server, "s_server -accept 127.0.0.1:\(port) -cert \(certificate) -key \(key)")
            // It ends at the end of its input, so it must have one that stays open.
            server.standardInput = Pipe()
            try server.run()
            let deadline = ContinuousClock.now + .seconds(10)
            while !LoopbackServer.isListening(on: UInt16(port)) {
                try #require(ContinuousClock.now < deadline && server.isRunning)
                usleep(10_000)
            }
        }

        deinit {
            // The test runner's threads block SIGTERM, and a child inherits that.
            kill(server.processIdentifier, SIGKILL)
            server.waitUntilExit()
            try? FileManager.default.removeItem(at: folder)
        }

        private static func prepare(_ process: Process, _ arguments: String) {
            process.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
            process.arguments = arguments.split(separator: " ").map(String.init)
            process.standardOutput = FileHandle.nullDevice
            process.standardError = FileHandle.nullDevice
        }
    }

    private static func post(to host: String, _ server: TLSServer, caFile: String?) throws -> TransportFailure? {
        let hook = try HookURL("https://\(host):\(server.port)/hooks/integrationID/tokenTokenToken")
        let settings = DelivererSettings(timeout: .seconds(1), noProxy: "*", caFile: caFile)
        let answer = CurlDeliverer(hook: hook, settings: settings, abort: DeliveryAbort()).deliver([0x7B, 0x7D])
        guard case .failure(let failure) = answer else { return nil }
        return failure
    }

    @Test func aCertificateOfAKnownAuthorityIsAccepted() throws {
        let server = try TLSServer()
        let failure = try Self.post(to: "localhost", server, caFile: server.certificate)
        #expect(failure?.kind == .timeout)
        #expect(failure?.sentRequest == true)
    }

    @Test func aCertificateOfAnUnknownAuthorityIsRefusedBeforeAnythingIsSent() throws {
        let server = try TLSServer()
        let failure = try Self.post(to: "localhost", server, caFile: nil)
        #expect(failure?.kind == .certificate)
        #expect(failure?.sentRequest == false)
    }

    @Test func aCertificateForAnotherNameIsRefusedBeforeAnythingIsSent() throws {
        let server = try TLSServer()
        let failure = try Self.post(to: "127.0.0.1", server, caFile: server.certificate)
        #expect(failure?.kind == .certificate)
        #expect(failure?.sentRequest == false)
    }

    @Test func aFileOfAuthoritiesThatIsMissingIsOurOwnFault() throws {
        let server = try TLSServer()
        let failure = try Self.post(to: "localhost", server, caFile: "/nonexistent.pem")
        #expect(failure?.kind == .certificate)
    }

    @Test func aHandshakeThatHangsEndsAtTheConnectTimeout() throws {
        let server = try LoopbackServer { $0.hang() }
        defer { server.stop() }
        let hook = try HookURL("https://127.0.0.1:\(server.port)/hooks/a/b")
        let settings = DelivererSettings(connectTimeout: .milliseconds(300), noProxy: "*")
        let answer = CurlDeliverer(hook: hook, settings: settings, abort: DeliveryAbort()).deliver([0x7B, 0x7D])
        guard case .failure(let failure) = answer else {
            Issue.record("an answer")
            return
        }
        #expect(failure.kind == .timeout)
        #expect(!failure.sentRequest)
    }

    @Test func whatIsNotTLSFailsInTheHandshake() throws {
        let server = try LoopbackServer { $0.send("HTTP/1.1 400 Bad Request\r\n\r\n") }
        defer { server.stop() }
        let hook = try HookURL("https://127.0.0.1:\(server.port)/hooks/a/b")
        let settings = DelivererSettings(noProxy: "*")
        let answer = CurlDeliverer(hook: hook, settings: settings, abort: DeliveryAbort()).deliver([0x7B, 0x7D])
        guard case .failure(let failure) = answer else {
            Issue.record("an answer")
            return
        }
        #expect(failure.kind == .handshake)
        #expect(!failure.sentRequest)
    }
}
