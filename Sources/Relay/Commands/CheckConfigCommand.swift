import ArgumentParser
import Libevent

/// `relay check-config`: reads all that serve would read, and contacts nobody.
struct CheckConfigCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check-config", abstract: "Check the settings without serving.",
        discussion: "Prints every problem at once and exits with 2, or prints where alerts would go and exits with 0.")

    @OptionGroup var options: ConfigurationOptions

    func run() throws {
        let configuration = try options.read()
        var lines = Severity.allCases.map { severity in
            let own = configuration.hooks[severity] == nil ? " (no hook of its own)" : ""
            return "\(severity.rawValue): \(configuration.hook(for: severity))\(own)"
        }
        lines += configuration.receivers.map { receiver in
            let matchers = receiver.matchers.map(\.description).joined(separator: ", ")
            let hook = receiver.hook.map { "\($0)" } ?? ""
            return "receiver \(receiver.name): \(hook) for {\(matchers)}\(receiver.continues ? ", and on" : "")"
        }
        lines.append("listen: \(configuration.listen.map(\.description).joined(separator: ", "))")
        lines.append("storage: \(configuration.storagePath)")
        lines.append("the settings are in order")
        StandardStreams.print(lines.joined(separator: "\n") + "\n")
    }
}
