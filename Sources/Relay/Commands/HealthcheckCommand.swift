import Alerts
import ArgumentParser
import Journaling
import Libevent
import RocketChat
import SQLiteJournal

/// `relay healthcheck`: for a container's health check, so that the image needs no other client.
struct HealthcheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "healthcheck", abstract: "Ask a running relay whether it works.",
        discussion: """
            Exits with 0 where the answer is 200 within five seconds, else with 1. Asks /health at the address that serve
            would listen on with the same environment and file, over TLS where serve speaks it. The certificate is not
            verified then: it names the relay's host, and what is asked is this machine. Where serve wants certificates of
            its clients, that it asks for one is sign of life enough.

              relay healthcheck
              relay healthcheck http://127.0.0.1:8093/-/ready
            """)

    @Option(name: .customLong("config.file"), help: "The configuration file, YAML (RELAY_CONFIG).")
    var configFile: String?

    @Argument(help: "The address to ask in place of it.")
    var url: String?

    func run() throws {
        // Whatever else is wrong with the settings says nothing about the relay that runs.
        let settings = ConfigurationOptions.withoutSecrets(file: configFile).configuration
        let address = url ?? Self.address(of: settings.listen, isTLS: settings.tlsFiles != nil)
        switch CurlProbe.get(address, timeout: .seconds(5), verifiesCertificate: url != nil) {
        case .status(200): return
        case .status(let status): StandardStreams.complain("unhealthy: HTTP \(status)")
        case .failed(let reason):
            if url == nil, settings.tlsFiles?.clientCA != nil, reason.contains("certificate required") { return }
            StandardStreams.complain(reason)
        }
        throw ExitCode(1)
    }

    /// The first of the addresses that can be known, seen from this machine.
    static func address(of listen: [SocketAddress], isTLS: Bool = false) -> String {
        // Port 0 is any port, which only the log of the relay tells.
        var address = listen.first { $0.port != 0 } ?? SocketAddress(host: "127.0.0.1", port: 8093)
        if address.isWildcard { address.host = address.isIPv6 ? "::1" : "127.0.0.1" }
        return "\(isTLS ? "https" : "http")://\(address)/health"
    }
}
