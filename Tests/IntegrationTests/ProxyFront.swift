import Foundation
import TestSupport
import Testing

/// A proxy of another make in front of the relay, which keeps connections to it that many senders share.
enum ProxyFront: String, CaseIterable, CustomTestStringConvertible {
    case none, nginx, haproxy, lenientHAProxy, apache

    var testDescription: String { rawValue }

    protocol Speaking { var output: String { get } }

    /// The proxy's programs while they run; they end with this object.
    final class Running {
        /// Where plain HTTP goes in.
        let port: UInt16
        private var parts: [AnyObject]
        /// What its programs have said.
        private(set) var output = ""

        init(port: UInt16, _ parts: [AnyObject]) {
            (self.port, self.parts) = (port, parts)
        }

        /// Ends the proxy, so that what it has sent on is all that comes.
        func stop() {
            output = parts.map { ($0 as? any Speaking)?.output ?? "" }.joined(separator: "\n")
            parts = []
        }
    }

    /// - Throws: where the proxy's program is not installed or does not start.
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

    /// By docker/nginx.conf. TLS is spoken by an HAProxy in front of it, which passes bytes on as they are, from 16
    /// addresses so that the rate limit lets a test through.
    private static func nginx(_ relay: UInt16) throws -> Running {
        let front = try DeploymentTests.Front(relay: relay)
        // Ends before what it leads to.
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

    /// A program with its configuration in a folder of its own, once it listens.
    private static func run(
        _ name: String, _ arguments: (_ configuration: String) -> [String], port: UInt16, _ configuration: String
    ) throws -> Ended {
        let folder = TemporaryFolder()
        let path = folder.path + "/configuration"
        try configuration.replacing("FOLDER", with: folder.path).write(toFile: path, atomically: true, encoding: .utf8)
        let program = Ended(try Program(name, arguments(path)), folder)
        guard eventually({ Loopback.isListening(on: port) || !program.program.isRunning }), program.program.isRunning
        else { throw Program.Failure.notStarted(program.program.output) }
        return program
    }

    /// A program that ends its children by itself when it is asked to.
    private final class Ended: Speaking {
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

extension DeploymentTests.Front: ProxyFront.Speaking {
    var output: String { nginx?.output ?? "" }
}
