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
              relay send-test --mail
            """)

    @OptionGroup var options: ConfigurationOptions

    @Option(help: "critical, warning, info or fallback.")
    var severity = Severity.critical

    @Option(help: "A receiver of the configuration file, in place of the severity's own room.")
    var receiver: String?

    @Flag(help: "Send a resolved alert.")
    var resolved = false

    @Flag(help: "Send a test mail (last_resort) in place of a message to a room.")
    var mail = false

    func run() throws {
        ServiceCredentials.take()
        let configuration = try options.read()
        configuration.timezone.apply()
        if mail { return try sendMail(configuration.lastResort) }
        let chosen = configuration.receivers.first { $0.name == receiver }
        if let receiver, chosen == nil {
            let known = configuration.receivers.map(\.name).joined(separator: ", ")
            throw ValidationError("there is no receiver \(receiver); there are: \(known.isEmpty ? "none" : known)")
        }
        if chosen?.drops == true { throw ValidationError("the receiver drops its alerts, so it has no room") }
        let hook = chosen?.hook ?? configuration.hook(for: severity)
        let posting = chosen?.posting ?? configuration.posting
        let target = posting.target(for: hook)
        let banner = MessageBanner(isTest: true)
        var batch = RenderBatch(.single(payload), severity: severity, banner: banner, now: .now())
        batch.channel = configuration.channelRule(for: severity, chosen).channel
        let rendered = target.render(batch)
        let deliverer = CurlDeliverer(hook: hook, settings: posting.delivererSettings, abort: DeliveryAbort())
        guard let outcome = target.classify(deliverer.deliver(rendered.bodies[0]), now: .now()).outcome else {
            bug("a post has no outcome")
        }
        // The room as check-config names it: it may be another severity's.
        let key = chosen.map { "receiver \($0.name)" } ?? severity.rawValue
        let room = ConfigurationSummary(configuration).lines.first { $0.key == key }
        StandardStreams.print("\(key): \(room?.text ?? hook.integration)\n")
        guard let detail = outcome.detail else { return StandardStreams.print("delivered\n") }
        StandardStreams.complain("not delivered: \(detail)")
        StandardStreams.complain(target.advice(for: outcome))
        throw ExitCode(1)
    }

    private func sendMail(_ settings: LastResortConfiguration) throws {
        guard let mail = settings.mail, let from = settings.from else {
            throw ValidationError("no mail server is set: give RELAY_MAIL_URL, RELAY_MAIL_FROM and RELAY_MAIL_TO")
        }
        let message = MailMessage(
            from: from, to: settings.to, subject: "Test of the relay's mail",
            text: "This mail was sent by hand to try out the relay's last resort; nothing is wrong.\n", date: .now())
        StandardStreams.print("\(mail.server.text): \(settings.to.map(\.text).joined(separator: ", "))\n")
        do throws(MailFailure) {
            try CurlMailer.send(message, settings: mail, abort: DeliveryAbort())
        } catch {
            StandardStreams.complain("not sent (\(error.reason.rawValue)): \(error.detail)")
            throw ExitCode(1)
        }
        StandardStreams.print("sent\n")
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
