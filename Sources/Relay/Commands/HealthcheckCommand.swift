import ArgumentParser
import Libevent
import Posting

/// `relay healthcheck`: the health check of a container, so that the image needs no other HTTP client.
struct HealthcheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "healthcheck", abstract: "Check that a running relay works.",
        discussion: """
            Exits with 0 if the response is 200 within five seconds, otherwise with 1. Requests /health at the address
            that serve listens on with the same environment and file, over TLS if serve uses it. The certificate is not
            verified, because it names the host and not this address. If serve requires client certificates, a TLS
            handshake is enough.

              relay healthcheck
              relay healthcheck '*:8093'
              relay healthcheck http://127.0.0.1:8093/-/ready
            """)

    @Option(name: .customLong("config.file"), help: "YAML configuration file (RELAY_CONFIG).")
    var configFile: String?

    @Argument(help: "URL to request, or host:port to use as the listen address.")
    var url: String?

    func run() throws {
        // Invalid settings do not affect the running relay.
        let settings = ConfigurationOptions.withoutSecrets(file: configFile).configuration
        let listen = url.flatMap { SocketAddress($0) }.map { [$0] }
        let url = listen == nil ? url : nil
        let address = url ?? Self.address(of: listen ?? settings.listen, isTLS: settings.tlsFiles != nil)
        var probe = CurlProbe()
        probe.verifiesCertificate = url != nil
        switch probe.get(address) {
        case .answer(status: 200, _): return
        case .answer(let status, _): StandardStreams.complain("unhealthy: HTTP \(status)")
        case .failed(let reason, let handshake):
            // With TLS 1.3 the client completes its handshake before the server checks the client's certificate. The
            // alert that follows may be lost with the connection.
            let refusesClient = handshake || reason.contains("certificate required")
            if url == nil, settings.tlsFiles?.clientCA != nil, refusesClient { return }
            StandardStreams.complain(reason)
        }
        throw ExitCode(1)
    }

    /// The first address with a known port, as reachable from this machine.
    static func address(of listen: [SocketAddress], isTLS: Bool = false) -> String {
        // Port 0 selects a random port, which only the log contains.
        var address = listen.first { $0.port != 0 } ?? SocketAddress(host: "127.0.0.1", port: 8093)
        if address.isWildcard { address.host = address.isIPv6 ? "::1" : "127.0.0.1" }
        return "\(isTLS ? "https" : "http")://\(address)/health"
    }
}
