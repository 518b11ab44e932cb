import ArgumentParser
import Glibc
import Libevent

/// The program's entry: a stand-in for Rocket.Chat's incoming webhooks.
@main
struct MockRocketChatCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mock-rocketchat",
        abstract: "A stand-in for Rocket.Chat's incoming webhooks.",
        discussion: """
            Takes POST /hooks/ID/TOKEN and shows what was posted: GET / for people, GET /messages for programs. \
            PUT /faults makes it fail in the ways that servers and networks do. PUT /outgoing sets an outgoing webhook's url
            and token; POST /type posts a message as a person, and POST /press presses a message's button.
            """)

    @Option(help: "The address to listen on; port 0 takes a free one.", transform: parseAddress)
    var listen = SocketAddress(host: "0.0.0.0", port: 8094)

    @Option(help: "The generation of servers to behave as: legacy, r62, h77, h79, h80, h86 or h90.")
    var profile = ServerProfile.h80

    @Option(help: "Posts to one hook, such as 10/60s, or off.")
    var rateLimit = "10/60s"

    @Option(help: "enforced, off or infinite (told but never refused); by default as the profile does.")
    var limiter: RateLimiter.Mode?

    @Option(help: "Message_MaxAllowedSize in UTF-16 code units.")
    var maxText = 5000

    @Option(help: ArgumentHelp("A hook that exists; any does where none is given.", valueName: "id/token"))
    var hook: [String] = []

    private static func parseAddress(_ text: String) throws -> SocketAddress {
        guard let address = SocketAddress(text) else { throw ValidationError("'\(text)' is not HOST:PORT.") }
        return address
    }

    func validate() throws {
        _ = try options()
    }

    private func options() throws -> ServerOptions {
        let mode = rateLimit == "off" ? .off : limiter ?? profile.limiterMode
        guard let limit = RateLimiter.Limit(rateLimit == "off" ? "10/60s" : rateLimit, mode: mode) else {
            throw ValidationError("'\(rateLimit)' is not a rate like 10/60s, or off.")
        }
        guard (1...1_000_000_000).contains(maxText) else {
            throw ValidationError("--max-text must be from 1 to 1000000000.")
        }
        return ServerOptions(profile: profile, textLimit: maxText, limit: limit, hooks: Set(hook))
    }

    func run() throws {
        let options = try options()
        let address = listen
        LoopActor.post { MockProcess.start(options, on: address) }
        // The loop does all work and ends the process.
        while true { pause() }
    }
}

extension ServerProfile: ExpressibleByArgument {}
extension RateLimiter.Mode: ExpressibleByArgument {}
