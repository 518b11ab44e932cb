import Foundation
import TestSupport
import Testing

/// A proxy in front of the relay that shares its connections among many senders.
enum ProxyFront: String, CaseIterable, CustomTestStringConvertible {
    case none, nginx, haproxy, lenientHAProxy, apache

    var testDescription: String { rawValue }

    protocol HasOutput { var output: String { get } }

    /// The proxy's running programs. They end with this object.
    final class Running {
        /// The port for plain HTTP.
        let port: UInt16
        private var parts: [AnyObject]
        /// The programs' output; empty before `stop`.
        private(set) var output = ""

        init(port: UInt16, _ parts: [AnyObject]) {
            (self.port, self.parts) = (port, parts)
        }

        /// Stops the proxy, so that it forwards no more requests.
        func stop() {
            output = parts.map { ($0 as? any HasOutput)?.output ?? "" }.joined(separator: "\n")
            parts = []
        }
    }

    /// Starts the proxy. Throws if its program is not installed or does not start.
    func start(relay: UInt16) throws -> Running {
        switch self {
        case .none: Running(port: relay, [])
        case .nginx: try Self.nginx(relay)
        case .haproxy: try Self.haproxy(relay, options: "")
        case .lenientHAProxy:
            try Self.haproxy(relay, options: "option accept-invalid-http-request\n option accept-invalid-http-response")
        case .apache: try Self.apache(relay)
        }
    }

    /// nginx with docker/nginx.conf. An HAProxy in front adds TLS and forwards the bytes unchanged, from 16 addresses
    /// because of nginx's rate limit.
    private static func nginx(_ relay: UInt16) throws -> Running {
        let front = try DeploymentTests.Front(relay: relay)
        // Listed first, so that it ends before nginx.
        let tunnel = try TLSTunnel(to: front.port, sources: 16)
        return Running(port: tunnel.port, [tunnel, front])
    }

    private static func haproxy(_ relay: UInt16, options: String) throws -> Running {
        let port = try Loopback.freePort()
        let program = try run(
            "haproxy", { ["-db", "-f", $0] }, port: port,
            """
            global
             maxconn 1000
             nbthread 1
            defaults
             mode http
             timeout connect 5s
             timeout client 20s
             timeout server 20s
             timeout http-request 10s
            listen front
             bind 127.0.0.1:\(port)
             http-reuse always
             \(options)
             server relay 127.0.0.1:\(relay)

            """)
        return Running(port: port, [program])
    }

    private static func apache(_ relay: UInt16) throws -> Running {
        let port = try Loopback.freePort()
        let modules = ["mpm_event", "authz_core", "proxy", "proxy_http"].map {
            "LoadModule \($0)_module /usr/lib/apache2/modules/mod_\($0).so"
        }
        let program = try run(
            "apache2", { ["-D", "FOREGROUND", "-f", $0] }, port: port,
            """
            \(modules.joined(separator: "\n"))
            ServerRoot FOLDER
            DefaultRuntimeDir FOLDER
            DocumentRoot FOLDER
            PidFile FOLDER/apache.pid
            ErrorLog /dev/stderr
            ServerName localhost
            User nobody
            Group nogroup
            Listen 127.0.0.1:\(port)
            ServerLimit 1
            StartServers 1
            ThreadsPerChild 32
            ThreadLimit 32
            MaxRequestWorkers 32
            Timeout 5
            TraceEnable extended
            ProxyPass / http://127.0.0.1:\(relay)/ enablereuse=On max=4 keepalive=On

            """)
        return Running(port: port, [program])
    }

    /// Starts a program with its configuration in a new folder and waits until it listens.
    private static func run(
        _ name: String, _ arguments: (_ configuration: String) -> [String], port: UInt16, _ configuration: String
    ) throws -> GracefulProgram {
        let folder = TemporaryFolder()
        let path = folder.path + "/configuration"
        try configuration.replacing("FOLDER", with: folder.path).write(toFile: path, atomically: true, encoding: .utf8)
        let program = GracefulProgram(try Program(name, arguments(path)), folder)
        guard eventually({ Loopback.isListening(on: port) || !program.program.isRunning }), program.program.isRunning
        else { throw Program.Failure.notStarted(program.program.output) }
        return program
    }

    /// A program that is stopped with SIGTERM, so that it ends its child processes.
    private final class GracefulProgram: HasOutput {
        var output: String { program.output }
        let program: Program
        private let folder: TemporaryFolder

        init(_ program: Program, _ folder: TemporaryFolder) {
            (self.program, self.folder) = (program, folder)
        }

        deinit {
            program.send(SIGTERM)
            _ = program.exitCode()
        }
    }
}

extension DeploymentTests.Front: ProxyFront.HasOutput {
    var output: String { nginx?.output ?? "" }
}
