import Testing

@testable import Relay

@Suite
struct ServiceCredentialsTests {
    @Test func commandWithoutCredentialsIsAdvisedWhereTheUnitIsInstalled() {
        let exists: (String) -> Bool = { $0 == "/etc/relay/hooks" }
        #expect(ServiceCredentials.advice(environment: [:], fileExists: exists).contains("With systemd"))
        #expect(ServiceCredentials.advice(environment: [:]) { _ in false } == "")
        #expect(ServiceCredentials.advice(environment: ["CREDENTIALS_DIRECTORY": "/x"], fileExists: exists) == "")
    }

    static let folder = "/run/credentials/relay.service"

    @Test func credentialFileProvidesItsSecretSetting() {
        let files: Set = ["\(Self.folder)/rocketchat_webhook_info", "\(Self.folder)/relay_auth_token"]
        let variables = ServiceCredentials.variables(
            beside: ["CREDENTIALS_DIRECTORY": Self.folder], fileExists: files.contains)
        #expect(
            variables == [
                "ROCKETCHAT_WEBHOOK_INFO_FILE": "\(Self.folder)/rocketchat_webhook_info",
                "RELAY_AUTH_TOKEN_FILE": "\(Self.folder)/relay_auth_token",
            ])
    }

    @Test(arguments: ["ROCKETCHAT_WEBHOOK_INFO", "ROCKETCHAT_WEBHOOK_INFO_FILE"])
    func environmentOverridesCredentials(key: String) {
        let environment = ["CREDENTIALS_DIRECTORY": Self.folder, key: "given"]
        let variables = ServiceCredentials.variables(beside: environment) { $0.hasSuffix("_info") }
        #expect(variables.isEmpty)
    }

    @Test(arguments: [[:], ["CREDENTIALS_DIRECTORY": ""]])
    func credentialsNeedAFolder(environment: [String: String]) {
        #expect(ServiceCredentials.variables(beside: environment) { _ in true }.isEmpty)
    }

    /// The unit's user cannot read other files.
    @Test func credentialFileProvidesItsFileSetting() {
        let names = [
            "relay_config", "relay_tls_cert_file", "relay_tls_key_file", "relay_tls_client_ca_file", "relay_ca_file",
            "relay_client_cert_file", "relay_client_key_file",
        ]
        let files = Set(names.map { "\(Self.folder)/\($0)" })
        let variables = ServiceCredentials.variables(
            beside: ["CREDENTIALS_DIRECTORY": Self.folder, "RELAY_CA_FILE": "/given"], fileExists: files.contains)
        #expect(variables["RELAY_CONFIG"] == "\(Self.folder)/relay_config")
        #expect(variables["RELAY_TLS_CERT_FILE"] == "\(Self.folder)/relay_tls_cert_file")
        #expect(variables["RELAY_CA_FILE"] == nil, "the environment overrides credentials")
        #expect(variables.count == names.count - 1)
    }

    @Test func everyCredentialFileIsASettingOrTheConfiguration() {
        let known = Setting.all.map(\.variable)
        #expect(ServiceCredentials.files.allSatisfy { $0 == "RELAY_CONFIG" || known.contains($0) })
        let named = known.filter { $0.hasSuffix("_FILE") }
        #expect(Set(named).isSubset(of: ServiceCredentials.files), "a file setting without a credential")
        #expect(Setting.all.filter(\.isSecret).allSatisfy { ServiceCredentials.settings.contains($0.variable) })
    }

    @Test func aReceiversHookIsTheCredentialOfItsName() {
        let files: Set = ["\(Self.folder)/rocketchat_webhook_database"]
        let environment = ["CREDENTIALS_DIRECTORY": Self.folder]
        let file = { (name: String, environment: [String: String]) in
            ServiceCredentials.hookFile(ofReceiver: name, environment: environment, fileExists: files.contains)
        }
        #expect(file("database", environment) == files.first)
        #expect(file("other", environment) == nil && file("", environment) == nil && file("database", [:]) == nil)
    }
}
