import Foundation
import TestSupport
import Testing

@testable import Relay

@Suite struct ConfigurationSummaryTests {
    private func summary(_ environment: [String: String]) throws -> ConfigurationSummary {
        var reader = ConfigurationReader(environment: environment)
        return ConfigurationSummary(try reader.read())
    }

    private func line(_ key: String, _ environment: [String: String]) throws -> String {
        try #require(try summary(environment).lines.first { $0.key == key }).text
    }

    private let critical = ["ROCKETCHAT_WEBHOOK_CRITICAL": "https://chat.example.org/hooks/idOne/tokenOne"]

    @Test func summaryStatesTheAllowedSenders() throws {
        #expect(try line("senders", critical).contains("anybody"))
        #expect(try summary(critical).isOpenToAnybody)
        #expect(try !summary(critical.merging(["RELAY_LISTEN": "127.0.0.1:1,[::1]:1"]) { $1 }).isOpenToAnybody)
        let hash = "$2y$04$" + String(repeating: "a", count: 53)
        let guarded = critical.merging([
            "RELAY_AUTH_TOKEN": "one,two", "RELAY_BASIC_AUTH": "grace:\(hash)", "RELAY_ALLOWED_NETWORKS": "10.0.0.0/8",
        ]) { $1 }
        #expect(
            try line("senders", guarded)
                == "may post with one of 2 bearer tokens or the password of 1 user, from RELAY_ALLOWED_NETWORKS alone")
        #expect(try !summary(guarded).isOpenToAnybody)
    }

    @Test func summaryStatesTLS() throws {
        #expect(try line("tls", critical).hasPrefix("off"))
        let folder = TemporaryFolder()
        let (certificate, key) = (folder.path + "/c.pem", folder.path + "/k.pem")
        try SelfSigned.make(certificate: certificate, key: key, names: "DNS:localhost")
        let files = [
            "RELAY_TLS_CERT_FILE": certificate, "RELAY_TLS_KEY_FILE": key, "RELAY_TLS_CLIENT_CA_FILE": certificate,
        ]
        let text = try line("tls", critical.merging(files) { $1 })
        #expect(text == "on, with \(certificate), clients must show a certificate of \(certificate)")
    }

    @Test func summaryNamesIntegrationsAndMarksSharedHooks() throws {
        let hooks = critical.merging([
            "ROCKETCHAT_WEBHOOK_WARNING": "https://chat.example.org/hooks/idOne/tokenOne",
            "ROCKETCHAT_WEBHOOK_FALLBACK": "https://chat.example.org/hooks/idTwo/tokenTwo",
        ]) { $1 }
        #expect(try line("critical", hooks) == "https://chat.example.org/hooks/idOne/… (the same hook as warning)")
        #expect(try line("warning", hooks).contains("(the same hook as critical)"))
        #expect(try line("info", hooks).contains("idTwo/… (no hook of its own, so it goes to fallback)"))
        #expect(try line("fallback", hooks) == "https://chat.example.org/hooks/idTwo/…")
        #expect(try line("failover", hooks).contains("idTwo/…"))
        #expect(try summary(hooks).lines.allSatisfy { !$0.text.contains("token") || $0.key == "senders" })
    }

    @Test(arguments: [
        ("https://CHAT.example.org/hooks/idOne/tokenOne", true), ("http://chat.example.org/hooks/idOne/tokenOne", true),
        ("https://chat.example.org/hooks/idOne/tokenOne/", true),
        ("https://chat.example.org/hooks/idOne/tokenOne", false),
        ("https://chat.example.org/hooks/idTwo/tokenOne", false),
        ("https://other.example.org/hooks/idOne/tokenOne", false),
    ])
    func differentSpellingsOfOneIntegrationCauseAWarning(hook: String, isWarned: Bool) throws {
        var reader = ConfigurationReader(environment: critical.merging(["ROCKETCHAT_WEBHOOK_INFO": hook]) { $1 })
        let warnings = try reader.read().warnings.filter { $0.message.contains("integration of critical") }
        #expect(warnings.map(\.key) == (isWarned ? ["info"] : []))
    }

    @Test func summaryStatesFailoverWithoutAFallback() throws {
        let text = try line("failover", critical)
        #expect(text.contains("no fallback hook is set") && text.contains("go to critical"))
        #expect(text.contains("nearest other severity's hook that works"))
        let alone = try line("failover", critical.merging(["RELAY_FAILOVER": "false"]) { $1 })
        #expect(alone.contains("wait until it does") && !alone.contains("nearest"))
    }
}
