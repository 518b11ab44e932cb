import Foundation
import TestSupport
import Testing

/// Debian's Exim with a configuration of its own: TLS, one user, all mails into a maildir.
private final class MailServer {
    struct Mail {
        var subject: String
        var text: String
        var fields: [String: String]
        var defects: [String]
    }

    let port: UInt16
    let tlsPort: UInt16
    let folder = TemporaryFolder()
    private let exim: Program

    init() throws {
        (port, tlsPort) = (try Loopback.freePort(), try Loopback.freePort())
        let folder = folder.path
        try SelfSigned.make(
            certificate: folder + "/cert.pem", key: folder + "/key.pem", names: "DNS:localhost", isRSA: true)
        let (user, group) = (getuid(), getgid())
        // Exim refuses to be root: as root it becomes nobody.
        let (owner, team) = user == 0 ? (65_534, 65_534) : (user, group)
        let configuration = """
            primary_hostname = localhost
            spool_directory = \(folder)/spool
            log_file_path = \(folder)/%slog
            pid_file_path = \(folder)/exim.pid
            exim_user = \(owner)
            exim_group = \(team)
            daemon_smtp_ports = \(port) : \(tlsPort)
            tls_on_connect_ports = \(tlsPort)
            local_interfaces = 127.0.0.1
            tls_advertise_hosts = *
            tls_certificate = \(folder)/cert.pem
            tls_privatekey = \(folder)/key.pem
            auth_advertise_hosts = ${if eq{$tls_in_cipher}{}{}{*}}
            deliver_drop_privilege = true
            acl_smtp_rcpt = rcpt
            keep_environment =
            host_lookup =
            rfc1413_query_timeout = 0s
            begin acl
            rcpt:
              require authenticated = *
              accept
            begin routers
            all:
              driver = accept
              transport = maildir
            begin transports
            maildir:
              driver = appendfile
              directory = \(folder)/mail
              maildir_format
              batch_max = 100
              envelope_to_add
              user = \(owner)
              group = \(team)
            begin authenticators
            plain:
              driver = plaintext
              public_name = PLAIN
              server_prompts = :
              server_condition = ${if and{{eq{$auth2}{relay}}{eq{$auth3}{s3cret}}}}
              server_set_id = $auth2
            """
        try configuration.write(toFile: folder + "/exim.conf", atomically: true, encoding: .utf8)
        for name in ["spool", "mail"] {
            try FileManager.default.createDirectory(atPath: folder + "/" + name, withIntermediateDirectories: true)
        }
        chmod(folder + "/exim.conf", 0o644)
        if user == 0 {
            for name in ["", "/spool", "/mail", "/cert.pem", "/key.pem"] { chown(folder + name, 65_534, 65_534) }
        }
        exim = try Program("/usr/sbin/exim4", ["-C", folder + "/exim.conf", "-bdf", "-q1h"])
        let (port, exim) = (port, exim)
        #expect(eventually { Loopback.isListening(on: port) || !exim.isRunning })
        #expect(exim.isRunning, "\(exim.output)")
    }

    var log: String { (try? String(contentsOfFile: folder.path + "/mainlog", encoding: .utf8)) ?? "" }

    private var files: [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path + "/mail/new")) ?? []
        return names.sorted().map { folder.path + "/mail/new/" + $0 }
    }

    /// Waits for this many mails, and reads them with Python's parser.
    func mails(_ count: Int) throws -> [Mail] {
        #expect(eventually { files.count >= count }, "\(log)")
        return try files.map { file in
            let script = """
                import email, email.policy, json, sys
                m = email.message_from_binary_file(open(sys.argv[1], "rb"), policy=email.policy.default)
                print(json.dumps({"subject": m["subject"], "text": m.get_content(), "fields": dict(m.items()),
                                  "defects": [str(d) for d in m.defects] + [str(d) for d in m["subject"].defects]}))
                """
            let python = try Program("python3", ["-c", script, file])
            #expect(python.exitCode() == 0, "\(python.output)")
            let json = try JSONSerialization.jsonObject(with: Data(python.output.utf8)) as? [String: Any]
            return Mail(
                subject: json?["subject"] as? String ?? "", text: json?["text"] as? String ?? "",
                fields: json?["fields"] as? [String: String] ?? [:], defects: json?["defects"] as? [String] ?? ["none"])
        }
    }

    func settings(isTLS: Bool = false, changes: [String: String] = [:]) -> [String: String] {
        [
            "RELAY_MAIL_URL": isTLS ? "smtps://localhost:\(tlsPort)" : "smtp://localhost:\(port)",
            "RELAY_MAIL_FROM": "relay@example.com", "RELAY_MAIL_TO": "a@example.com,b@example.com",
            "RELAY_MAIL_USER": "relay", "RELAY_MAIL_PASSWORD": "s3cret",
            "RELAY_MAIL_CA_FILE": folder.path + "/cert.pem",
            "RELAY_MAIL_AFTER": "1s", "RELAY_MAIL_INTERVAL": "1h",
        ].merging(changes) { $1 }
    }
}

@Suite(
    .serialized, .timeLimit(.minutes(3)), .enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/sbin/exim4")))
struct MailTests {
    private func sendTest(_ settings: [String: String]) throws -> (code: Int32?, output: String) {
        let hook = ["ROCKETCHAT_WEBHOOK_CRITICAL": "http://127.0.0.1:9/hooks/a/b"]
        let program = try Program("relay", ["send-test", "--mail"], environment: hook.merging(settings) { $1 })
        return (program.exitCode(), program.output)
    }

    @Test func alertsThatNoRoomGetsAreMailedOnceAndTheRecoveryToo() throws {
        let server = try MailServer()
        let rig = try Rig(
            environment: server.settings().merging(["RELAY_FALLBACK_AFTER": "0s", "RELAY_MAIL_AFTER": "1s"]) { $1 })
        rig.setFault(#"{"status":502,"body":"<html>","contentType":"text/html"}"#)
        #expect(rig.post(numbered(1))?.status == 200)
        let hostile = try JSONSerialization.data(withJSONObject: [
            "version": "4", "groupKey": "{}:{x=\"y\"}",
            "alerts": [
                [
                    "status": "firing", "startsAt": "2026-11-23T10:00:00Z", "fingerprint": "f",
                    "labels": ["alertname": "Plätze\r\nBcc: evil@example.net", "severity": "critical"],
                    "annotations": ["summary": ".\r\n.\r\nQUIT\r\n<b>ü</b> @all 🔥"],
                ]
            ],
        ])
        #expect(rig.post([UInt8](hostile))?.status == 200)
        let first = try #require(try server.mails(1).first)
        #expect(first.defects == [] && first.subject.contains("CRITICAL"), "\(first)")
        #expect(first.fields["To"] == "a@example.com, b@example.com" && first.fields["Bcc"] == nil)
        #expect(Set((first.fields["Envelope-to"] ?? "").split(separator: ", ")) == ["a@example.com", "b@example.com"])
        #expect(first.text.contains("Numbered") && first.text.contains("n1x"), "\(first.text)")
        #expect(first.text.contains("Plätze") && first.text.contains("ü") && first.text.contains("🔥"))
        #expect(server.log.contains("P=esmtpsa"), "TLS and authentication: \(server.log)")
        #expect(eventually { rig.metric("relay_mails_sent_total") == 1 })

        // A kill and a restart keep the interval and the debt.
        rig.relay.killNow()
        #expect(rig.relay.exitCode() != nil)
        try rig.restart()
        #expect(rig.relay.writes("delivery attempt failed"))
        rig.heal()
        #expect(try eventually { try rig.messages().map(\.whole).joined().contains("n1x") })
        let mails = try server.mails(2)
        #expect(mails.count == 2 && mails.last?.subject == "Rocket.Chat accepts messages again", "\(mails)")
    }

    @Test(arguments: [false, true]) func testMailArrives(isTLS: Bool) throws {
        let server = try MailServer()
        let (code, output) = try sendTest(server.settings(isTLS: isTLS))
        #expect(code == 0 && output.hasSuffix("sent\n"), "\(output)")
        #expect(try server.mails(1).map(\.subject) == ["Test of the relay's mail"])
    }

    @Test func wrongPasswordAndUnknownCertificateAreNamed() throws {
        let server = try MailServer()
        let wrong = try sendTest(server.settings(changes: ["RELAY_MAIL_PASSWORD": "wrongword"]))
        #expect(wrong.code == 1 && wrong.output.contains("not sent (authentication)"), "\(wrong.output)")
        #expect(!wrong.output.contains("wrongword"))
        let unknown = try sendTest(server.settings(changes: ["RELAY_MAIL_CA_FILE": ""]))
        #expect(unknown.code == 1 && unknown.output.contains("not sent (tls)"), "\(unknown.output)")
        let host = try sendTest(server.settings(changes: ["RELAY_MAIL_URL": "smtp://127.0.0.1:\(server.port)"]))
        #expect(host.code == 1 && host.output.contains("not sent (tls)"), "the certificate is for localhost")
    }

    @Test func hangingMailServerDoesNotDelayTheExit() throws {
        let server = try ScriptedMailServer(.hang(.message))
        let rig = try Rig(environment: [
            "RELAY_MAIL_URL": server.url, "RELAY_MAIL_FROM": "a@example.com", "RELAY_MAIL_TO": "b@example.com",
            "RELAY_MAIL_STARTTLS": "off", "RELAY_MAIL_AFTER": "1s", "RELAY_FALLBACK_AFTER": "0s",
        ])
        rig.setFault(#"{"status":502,"body":"<html>","contentType":"text/html"}"#)
        #expect(rig.post(numbered(1))?.status == 200)
        #expect(eventually { server.hanging > 0 })
        #expect(rig.get("/-/ready")?.status == 200 && rig.post(numbered(2))?.status == 200)
        rig.relay.send(SIGTERM)
        #expect(rig.relay.exitCode(within: 20) == 0)
    }
}
