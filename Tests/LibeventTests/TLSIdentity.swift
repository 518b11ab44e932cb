import Foundation
import Libevent
import TestSupport

/// A new certificate with its key in a temporary folder.
final class TLSIdentity: Sendable {
    let folder = TemporaryFolder()
    var certificate: String { folder.path + "/certificate.pem" }
    var key: String { folder.path + "/key.pem" }

    init() async throws {
        let (certificate, key) = (certificate, key)
        try await offLoop {
            Result { try SelfSigned.make(certificate: certificate, key: key, names: "DNS:localhost,IP:127.0.0.1") }
        }.get()
    }

    func files(clientCA: TLSIdentity? = nil) -> TLSFiles {
        TLSFiles(certificate: certificate, key: key, clientCA: clientCA?.certificate)
    }

    /// Writes a file and returns its path.
    func file(_ name: String, _ content: String) throws -> String {
        let path = "\(folder.path)/\(name)"
        try content.write(toFile: path, atomically: true, encoding: .utf8)
        return path
    }

    /// Runs curl against a server that must show this certificate.
    func curl(_ arguments: String...) async -> (code: Int32?, output: String) {
        await run("curl", ["-sS", "--max-time", "20", "--cacert", certificate] + arguments)
    }
}

/// Runs a program off the loop until it exits.
func run(_ program: String, _ arguments: [String], input: Int32? = nil) async -> (code: Int32?, output: String) {
    await offLoop {
        guard let running = try? Program(program, arguments, input: input) else { return (nil, "not started") }
        return (running.exitCode(), running.output)
    }
}

/// Runs `openssl s_client` against a port; without input it ends once the handshake is done.
func sClient(_ port: UInt16, _ arguments: String..., input: Int32? = nil) async -> (code: Int32?, output: String) {
    await run("openssl", ["s_client", "-connect", "127.0.0.1:\(port)"] + arguments, input: input)
}

extension EchoServer {
    convenience init(
        limits: HTTPLimits = HTTPLimits(), tls identity: TLSIdentity, clientCA: TLSIdentity? = nil
    ) throws {
        try self.init(limits: limits)
        server.tls = try TLSContext(identity.files(clientCA: clientCA))
    }

    var url: String { "https://127.0.0.1:\(port)" }

    /// The number of this process's sockets with the server's port, including its listener. The number of all
    /// descriptors would depend on concurrent tests.
    var descriptorCount: Int {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
        return names.compactMap { Int32($0) }.count { Loopback.port(of: $0) == port }
    }
}
