import ArgumentParser
import Glibc

/// `relay healthcheck`: for a container's health check, so that the image needs no other client.
struct HealthcheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "healthcheck", abstract: "Ask a running relay whether it works.",
        discussion: "Exits with 0 where the answer is 200 within five seconds, else with 1.")

    @Argument(help: "The address to ask; /health on this machine, on the port of PORT, by default.")
    var url: String?

    func run() throws {
        let port = getenv("PORT").map { String(cString: $0) } ?? "8093"
        switch CurlProbe.get(url ?? "http://127.0.0.1:\(port)/health", timeout: .seconds(5)) {
        case .status(200): return
        case .status(let status): StandardStreams.complain("unhealthy: HTTP \(status)")
        case .failed(let reason): StandardStreams.complain(reason)
        }
        throw ExitCode(1)
    }
}
