import Alerts
import ArgumentParser
import Posting
import Support

/// `relay send-test`: posts one message to one room and prints the outcome.
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
        configuration.timezone.apply()
        let chosen = configuration.receivers.first { $0.name == receiver }
        if let receiver, chosen == nil {
            let known = configuration.receivers.map(\.name).joined(separator: ", ")
            throw ValidationError("there is no receiver \(receiver); there are: \(known.isEmpty ? "none" : known)")
        }
        let hook = chosen?.hook ?? configuration.hook(for: severity)
        let posting = chosen?.posting ?? configuration.posting
        let target = posting.target(for: hook)
        let banner = MessageBanner(isTest: true)
        let rendered = target.render(RenderBatch(.single(payload), severity: severity, banner: banner, now: .now()))
        let deliverer = CurlDeliverer(hook: hook, settings: posting.delivererSettings, abort: DeliveryAbort())
        guard let outcome = target.classify(deliverer.deliver(rendered.bodies[0]), now: .now()).outcome else {
            bug("a post has no outcome")
        }
        StandardStreams.print("\(chosen?.name ?? severity.rawValue): \(hook)\n")
        guard let detail = outcome.detail else { return StandardStreams.print("delivered\n") }
        StandardStreams.complain("not delivered: \(detail)")
        StandardStreams.complain(target.advice(for: outcome))
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
