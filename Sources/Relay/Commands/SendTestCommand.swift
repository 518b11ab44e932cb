import Alerts
import ArgumentParser
import Journaling
import RocketChat
import SQLiteJournal

/// `relay send-test`: posts one message to one room and explains the response of Rocket.Chat.
struct SendTestCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "send-test", abstract: "Post a test message to a room and say what Rocket.Chat answers.",
        discussion: """
            Uses the same settings as serve. Nothing is stored and nothing is tried twice.

              relay send-test --severity warning
              relay send-test --receiver database --config.file relay.yml
            """)

    @OptionGroup var options: ConfigurationOptions

    @Option(help: "critical, warning, info or fallback.")
    var severity = Severity.critical

    @Option(help: "A receiver of the configuration file, in place of the severity's own room.")
    var receiver: String?

    @Flag(help: "Send a resolved alert.")
    var resolved = false

    func run() throws {
        ServiceCredentials.take()
        let configuration = try options.read()
        let chosen = configuration.receivers.first { $0.name == receiver }
        if let receiver, chosen == nil {
            let known = configuration.receivers.map(\.name).joined(separator: ", ")
            throw ValidationError("there is no receiver \(receiver); there are: \(known.isEmpty ? "none" : known)")
        }
        let hook = chosen?.hook ?? configuration.hook(for: severity)
        let posting = chosen?.posting ?? configuration.posting
        let settings = posting.delivererSettings
        let renderer = MessageRenderer(settings: posting.renderSettings)
        let banner = MessageBanner(isTest: true)
        guard let message = renderer.render(payload, severity: severity, now: .now(), banner: banner).first else {
            preconditionFailure("a notification always has a message")
        }
        let result = CurlDeliverer(hook: hook, settings: settings, abort: DeliveryAbort()).deliver(message.json())
        let outcome = ResponseClassifier(hook: hook).outcome(of: result, now: .now())
        StandardStreams.print("\(chosen?.name ?? severity.rawValue): \(hook)\n")
        guard let detail = outcome.detail else { return StandardStreams.print("delivered\n") }
        StandardStreams.complain("not delivered: \(detail)")
        StandardStreams.complain(DeliveryAdvice.sentence(for: outcome))
        throw ExitCode(1)
    }

    private var payload: Payload {
        let now = Timestamp.now()
        let alert = Alert(
            status: resolved ? .resolved : .firing,
            labels: ["alertname": "RelayTest", "severity": severity.rawValue, "instance": "relay"],
            annotations: ["summary": "This message was sent by hand to try out the room's hook; nothing is wrong."],
            startsAt: now, endsAt: resolved ? now : nil, generatorURL: "", fingerprint: "relay-test")
        return Payload(
            receiver: "relay", status: alert.status, groupKey: "{}:{alertname=\"RelayTest\"}", truncatedAlerts: 0,
            groupLabels: [:], commonLabels: alert.labels, commonAnnotations: alert.annotations, externalURL: "",
            notificationReason: nil, alerts: [alert])
    }
}

extension Severity: ExpressibleByArgument {}

/// Advice for a response of Rocket.Chat (docs/rocketchat.md section 1.5).
enum DeliveryAdvice {
    static func sentence(for outcome: DeliveryOutcome) -> String {
        let detail = outcome.detail ?? ""
        return advice.first { detail.contains($0.words) }?.sentence ?? general(outcome)
    }

    private static let advice: [(words: String, sentence: String)] = [
        (
            "Invalid integration id or token",
            "The URL's id or token is wrong: copy it again from the integration's page."
        ),
        (
            "overriding destination channel",
            "The integration may not post to another channel: allow it, or leave it out."
        ),
        ("invalid-channel", "The integration names a channel that does not exist."),
        ("error-not-allowed", "The integration's user may not post in the room: make it a member."),
        ("message-impersonate", "The integration's user needs the permission message-impersonate (Rocket.Chat 8.6)."),
        (
            "Not enough permission",
            "The integration sets an alias or avatar, for which its user lacks message-impersonate."
        ),
        ("archived", "The room is archived."),
        ("readonly", "The room is read-only for the integration's user."),
        ("muted", "The integration's user is muted in the room."),
        ("blocked", "The room is blocked."),
        ("logged in", "The user that the integration posts as does not exist any more."),
        ("Service Unavailable", "The integration is disabled: enable it on its page."),
        ("error-running-script", "The integration's script failed: the relay needs none, so switch it off."),
        ("error-message-size-exceeded", "The room takes shorter messages: lower RELAY_TEXT_LIMIT to its limit."),
        ("too many requests", "Rocket.Chat takes no more posts for now: try again in a minute."),
        ("HTTP 500", "Since version 7.7 this is what a wrong id or token gets: copy the URL again. Else see its log."),
        ("HTTP 404", "There is no such hook: copy the URL again from the integration's page."),
        ("HTTP 405", "That is not the address of a hook: copy the URL again from the integration's page."),
        ("HTTP 3", "The server redirects: use the address that it redirects to, most likely with https."),
    ]

    private static func general(_ outcome: DeliveryOutcome) -> String {
        switch outcome {
        case .delivered: "Nothing is to be done."
        case .rateLimited: "Rocket.Chat takes no more posts for now: try again in a minute."
        case .retry(.network, _, _): "The server was not reached: check the address, DNS, the firewall and the proxy."
        case .retry(.timeout, _, _): "The server was too slow; the message may have been posted all the same."
        case .retry, .suspicious: "The server has trouble; serve would try again by itself."
        case .misconfigured(.network, _): "The certificate is not trusted: check the name and the authority."
        case .misconfigured, .unknown: "What answers does not look like Rocket.Chat: check the address."
        case .fixable: "Rocket.Chat did not take this form; serve would send it in a plainer one."
        }
    }
}
