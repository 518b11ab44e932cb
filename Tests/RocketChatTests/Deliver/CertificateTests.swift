import Foundation
import TestSupport
import Testing

@testable import Posting
@testable import RocketChat

/// TLS against `openssl s_server`, which accepts connections but answers no POST. A sent request shows that the
/// certificate was accepted.
@Suite(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/openssl")))
struct CertificateTests {
    /// A server with a new self-signed certificate for the name `localhost`.
    private final class TLSServer {
        private let folder = TemporaryFolder()
        var certificate: String { folder.path + "/certificate.pem" }
        private let server: Program
        private let input: [Int32]
        private(set) var port: UInt16 = 0

        init() throws {
            let key = folder.path + "/key.pem"
            let certificate = folder.path + "/certificate.pem"
            try SelfSigned.make(certificate: certificate, key: key, names: "DNS:localhost")
            // s_server exits at the end of its input, so its input is a pipe that stays open.
            var ends: [Int32] = [0, 0]
            try #require(pipe(&ends) == 0)
            input = ends
            let port = try Loopback.freePort()
            let server = try Program(
                "openssl", ["s_server", "-accept", "127.0.0.1:\(port)", "-cert", certificate, "-key", key],
                input: ends[0])
            self.server = server
            self.port = port
            #expect(eventually { Loopback.isListening(on: port) || !server.isRunning })
            try #require(server.isRunning)
        }

        deinit {
            for end in input { close(end) }
        }
    }

    private static func post(to host: String, _ server: TLSServer, caFile: String?) throws -> TransportFailure? {
        let hook = try HookURL("https://\(host):\(server.port)/hooks/integrationID/tokenTokenToken")
        let settings = DelivererSettings(timeout: .seconds(1), noProxy: "*", caFile: caFile)
        return failure(of: hook, settings)
    }

    private static func failure(of hook: HookURL, _ settings: DelivererSettings) -> TransportFailure? {
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

    @Test func missingCAFileIsACertificateFailure() throws {
        let server = try TLSServer()
        let failure = try Self.post(to: "localhost", server, caFile: "/nonexistent.pem")
        #expect(failure?.kind == .certificate)
    }

    @Test func aHandshakeThatHangsEndsAtTheConnectTimeout() throws {
        let server = try LoopbackServer { $0.hang() }
        defer { server.stop() }
        let hook = try HookURL("https://127.0.0.1:\(server.port)/hooks/a/b")
        let settings = DelivererSettings(connectTimeout: .milliseconds(300), noProxy: "*")
        let failure = try #require(Self.failure(of: hook, settings))
        #expect(failure.kind == .timeout)
        #expect(!failure.sentRequest)
    }

    @Test func plaintextServerFailsTheHandshake() throws {
        let server = try LoopbackServer { $0.send("HTTP/1.1 400 Bad Request\r\n\r\n") }
        defer { server.stop() }
        let hook = try HookURL("https://127.0.0.1:\(server.port)/hooks/a/b")
        let settings = DelivererSettings(noProxy: "*")
        let failure = try #require(Self.failure(of: hook, settings))
        #expect(failure.kind == .handshake)
        #expect(!failure.sentRequest)
    }
}
