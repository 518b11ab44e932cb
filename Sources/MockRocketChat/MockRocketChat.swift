import ArgumentParser

/// The program's entry: a stand-in for Rocket.Chat's incoming webhooks.
@main
struct MockRocketChatCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "mock-rocketchat")
}
