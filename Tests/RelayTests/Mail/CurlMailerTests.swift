import Foundation
import TestSupport
import Testing

@testable import Alerts
@testable import Posting
@testable import Support

/// The client against a mail server that misbehaves. `MailTests` uses a real one, with TLS and authentication.
@Suite(.timeLimit(.minutes(1))) struct CurlMailerTests {
    private func send(
        to server: ScriptedMailServer, recipients: [String] = ["a@example.com", "b@example.com"],
        startTLS: StartTLS = .off, login: MailSettings.Login? = nil, timeout: Duration = .seconds(20),
        abort: DeliveryAbort = DeliveryAbort()
    ) -> MailFailure? {
        do {
            let message = MailMessage(
                from: try #require(MailAddress("relay@example.com")), to: recipients.compactMap { MailAddress($0) },
                subject: "ü", text: ".\nhello\n", date: .now())
            let settings = MailSettings(
                server: try MailServerURL(server.url), startTLS: startTLS, login: login, timeout: timeout)
            try CurlMailer.send(message, settings: settings, abort: abort)
            return nil
        } catch {
            return error as? MailFailure
        }
    }

    @Test func mailArrivesWhole() throws {
        let server = try ScriptedMailServer()
        #expect(send(to: server) == nil)
        let mail = try #require(server.mails.first)
        #expect(mail.sender.hasPrefix("MAIL FROM:<relay@example.com>"))
        #expect(mail.recipients == ["RCPT TO:<a@example.com>", "RCPT TO:<b@example.com>"])
        #expect(mail.lines.contains("Subject: =?utf-8?B?w7w=?=") && mail.lines.last == "Lg0KaGVsbG8NCg==")
    }

    @Test(arguments: [
        (ScriptedMailServer.Step.recipient, "550 5.1.1 no such user", MailFailure.Reason.refused),
        (.mail, "553 5.7.1 sender refused", .refused), (.message, "554 5.7.1 looks like spam", .refused),
        (.recipient, "451 4.7.1 greylisted", .deferred), (.message, "452 4.3.1 no space", .deferred),
        (.greeting, "421 4.3.2 busy", .deferred),
    ]) func refusalIsNamed(step: ScriptedMailServer.Step, answer: String, reason: MailFailure.Reason) throws {
        let server = try ScriptedMailServer(.answer(step, answer))
        let failure = try #require(send(to: server))
        #expect(failure.reason == reason, "\(failure)")
        #expect(failure.detail.contains(answer.prefix(3)), "\(failure)")
        #expect(server.mails.isEmpty)
    }

    @Test func answerOfTheServerIsInTheDetail() throws {
        let failure = send(to: try ScriptedMailServer(.answer(.recipient, "550 5.1.1 no such user\u{7}")))
        #expect(
            failure?.detail.contains("the server says: 550 5.1.1 no such user") == true,
            "\(String(describing: failure))")
    }

    @Test(arguments: [ScriptedMailServer.Step.greeting, .recipient, .message])
    func hangingServerIsLeft(step: ScriptedMailServer.Step) throws {
        let failure = send(to: try ScriptedMailServer(.hang(step)), timeout: .milliseconds(700))
        #expect(failure?.reason == .timeout, "\(String(describing: failure))")
    }

    @Test(arguments: [ScriptedMailServer.Step.greeting, .mail, .message])
    func droppedConnectionIsAFailure(step: ScriptedMailServer.Step) throws {
        let failure = send(to: try ScriptedMailServer(.drop(step)))
        #expect(failure?.reason == .network, "\(String(describing: failure))")
    }

    @Test func greylistedMailArrivesLater() throws {
        let server = try ScriptedMailServer(.greylist(attempts: 2))
        #expect(send(to: server, recipients: ["a@example.com"])?.reason == .deferred)
        #expect(send(to: server, recipients: ["a@example.com"])?.reason == .deferred)
        #expect(send(to: server, recipients: ["a@example.com"]) == nil)
        #expect(server.mails.count == 1)
    }

    @Test func oneWrongAddressDoesNotKeepTheOthers() throws {
        // The first recipient is refused.
        let server = try ScriptedMailServer(.greylist(attempts: 1))
        #expect(send(to: server) == nil)
        #expect(server.mails.map(\.recipients) == [["RCPT TO:<b@example.com>"]])
    }

    @Test func requiredTLSIsNotGivenUp() throws {
        let server = try ScriptedMailServer()
        #expect(send(to: server, startTLS: .required)?.reason == .tls)
        #expect(server.mails.isEmpty)
        #expect(send(to: server, startTLS: .opportunistic) == nil)
    }

    @Test func passwordIsInNoDetail() throws {
        let server = try ScriptedMailServer(.answer(.mail, "550 5.7.0 your password s3cretword is wrong"))
        let failure = send(to: server, login: .init(user: "u", password: Secret("s3cretword")))
        #expect(failure.map { !$0.detail.contains("s3cretword") } == true)
    }

    @Test func closedPortIsANetworkFailure() throws {
        let server = try ScriptedMailServer()
        try LoopbackServer.withClosedPort { port in
            let settings = MailSettings(server: try MailServerURL("smtp://127.0.0.1:\(port)"), startTLS: .off)
            let address = try #require(MailAddress("a@example.com"))
            let message = MailMessage(from: address, to: [address], subject: "", text: "", date: .now())
            let failure = #expect(throws: MailFailure.self) {
                try CurlMailer.send(message, settings: settings, abort: DeliveryAbort())
            }
            #expect(failure?.reason == .network)
        }
        #expect(server.mails.isEmpty)
    }

    @Test func abortEndsAMail() throws {
        let abort = DeliveryAbort()
        abort.abort()
        #expect(send(to: try ScriptedMailServer(.hang(.data)), abort: abort)?.reason == .aborted)
    }
}
