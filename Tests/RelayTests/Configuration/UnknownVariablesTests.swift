import Testing

@testable import Relay

@Suite struct UnknownVariablesTests {
    private func problems(_ environment: [String: String]) -> [String] {
        UnknownVariables.problems(in: environment).map(\.description)
    }

    @Test(arguments: [
        ("RELAY_AUTH_TOKENS", "RELAY_AUTH_TOKEN"), ("RELAY_TOKEN", "RELAY_AUTH_TOKEN"),
        ("RELAY_AUTHTOKEN", "RELAY_AUTH_TOKEN"), ("RELAY_BASIC_AUTH_USERS", "RELAY_BASIC_AUTH"),
        ("RELAY_ALLOWED_NETWORK", "RELAY_ALLOWED_NETWORKS"), ("RELAY_AUTH_TOKENS_FILE", "RELAY_AUTH_TOKEN_FILE"),
        ("RELAY_LOG_LEVEL", "LOG_LEVEL"), ("RELAY_PORT", "PORT"), ("RELAY_STORAGE", "RELAY_STORAGE_PATH"),
        ("ROCKETCHAT_WEBHOOK_CRITCAL", "ROCKETCHAT_WEBHOOK_CRITICAL"),
        ("ROCKETCHAT_CRITICAL_WEBHOOK", "ROCKETCHAT_WEBHOOK_CRITICAL"),
        ("RELAY_WEBHOOK_WARNING", "ROCKETCHAT_WEBHOOK_WARNING"), ("relay_auth_token", "RELAY_AUTH_TOKEN"),
        ("RELAY_CONFIG_FILE", "RELAY_CONFIG"), ("RELAY_TLS_CERT", "RELAY_TLS_CERT_FILE"),
        ("RELAY_TLS_CLIENT_CA", "RELAY_TLS_CLIENT_CA_FILE"), ("RELAY_RATELIMIT", "RELAY_RATE_LIMIT"),
    ])
    func nearestNameIsSuggested(name: String, meant: String) {
        #expect(
            problems([name: "s3cret"]) == ["\(name): is not a setting of the relay; did you mean \(meant)?"])
    }

    @Test func unrelatedVariablesAreIgnored() {
        let others = [
            "RELAY_PORT": "tcp://10.0.0.1:8093", "RELAY_SERVICE_HOST": "10.0.0.1", "RELAY_SERVICE_PORT": "8093",
            "RELAY_SERVICE_PORT_HTTP": "8093", "RELAY_PORT_8093_TCP": "tcp://10.0.0.1:8093",
            "RELAY_PORT_8093_TCP_ADDR": "10.0.0.1", "RELAY_PORT_8093_TCP_PORT": "8093",
            "RELAY_PORT_8093_TCP_PROTO": "tcp", "ROCKETCHAT_PORT": "tcp://10.0.0.2:3000",
            "ROCKETCHAT_SERVICE_HOST": "10.0.0.2", "ROCKETCHAT_PORT_3000_TCP_ADDR": "10.0.0.2",
            "ROCKETCHAT_MONGODB_SERVICE_PORT_MONGO": "27017", "ROCKETCHAT_MONGODB_PORT": "tcp://10.0.0.3:27017",
            "RELAY_DNS_PORT_53_UDP": "udp://10.0.0.1:53", "RELAY_REVISION": "abc", "RELAY_CONFIG": "x", "PORT": "1",
            "ROCKETCHAT_NAME": "/relay/rocketchat", "ROCKETCHAT_ENV_ROOT_URL": "https://chat.example.com",
            "RELAYED": "x", "LOG_LEVEL": "x", "PATH": "/bin",
        ]
        #expect(problems(others) == [])
    }

    @Test(arguments: Setting.all.map(\.variable)) func everySettingIsKnown(variable: String) {
        #expect(problems([variable: "x"]) == [])
    }

    @Test func variablesResemblingKubernetesAreUnknown() {
        #expect(problems(["RELAY_PORT": "8093"]).count == 1)
        #expect(problems(["RELAY_AUTH_PORT_TCP": "x", "RELAY_TOKEN_TCP": "x", "RELAY_LISTEN_PORT": "1"]).count == 3)
        #expect(problems(["RELAY_ENV_X": "x", "ROCKETCHAT_NAME": "/x"]).count == 2)
        // A receiver's settings exist only in the file. No variable has such a name.
        #expect(problems(["RELAY_RECEIVERS_0_WEBHOOK": "https://chat.example.com/hooks/a/b"]).count == 1)
        let ofFile = problems(["RELAY_TEMPLATES": "x", "RELAY_WATCHDOG": "x"])
        #expect(ofFile.count == 2 && ofFile.allSatisfy { "\($0)".contains("of the file only") }, "\(ofFile)")
    }

    @Test func longNameIsReportedInOneShortLine() {
        let name = "RELAY_" + String(repeating: "X\n\u{1B}", count: 100_000)
        let reported = problems([name: "x"])
        #expect(reported.count == 1 && reported[0].utf8.count < 300 && !reported[0].contains("\n"))
    }

    /// A misspelt credential must stop the start. A warning is not enough.
    @Test func aMisspeltCredentialIsAProblemOfTheConfiguration() {
        var reader = ConfigurationReader(environment: [
            "ROCKETCHAT_WEBHOOK_INFO": "https://chat.example.com/hooks/a/b", "RELAY_TOKEN": "s3cret",
        ])
        let error = #expect(throws: ConfigurationError.self) { try reader.read() }
        #expect(error?.problems.map(\.key) == ["RELAY_TOKEN"])
        #expect(error?.description.contains("s3cret") == false)
    }

    @Test func missingHookIsReportedUnlessAMisspeltNameExplainsIt() {
        var misspelt = ConfigurationReader(environment: ["ROCKETCHAT_WEBHOOK_CRITCAL": "x"])
        var missing = ConfigurationReader(environment: ["RELAY_TOKEN": "x"])
        #expect(misspelt.readLeniently().problems.map(\.key) == ["ROCKETCHAT_WEBHOOK_CRITCAL"])
        #expect(missing.readLeniently().problems.map(\.key) == ["RELAY_TOKEN", "ROCKETCHAT_WEBHOOK_CRITICAL"])
    }
}
