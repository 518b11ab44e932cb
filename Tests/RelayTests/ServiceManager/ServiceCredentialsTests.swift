import Testing

@testable import Relay

@Suite
struct ServiceCredentialsTests {
    static let folder = "/run/credentials/relay.service"

    @Test func aFileWithTheNameOfASecretSettingHoldsIt() {
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
    func whatTheEnvironmentSaysGoesBefore(key: String) {
        let environment = ["CREDENTIALS_DIRECTORY": Self.folder, key: "given"]
        let variables = ServiceCredentials.variables(beside: environment) { $0.hasSuffix("_info") }
        #expect(variables.isEmpty)
    }

    @Test(arguments: [[:], ["CREDENTIALS_DIRECTORY": ""]])
    func withoutAFolderNothingIsLookedFor(environment: [String: String]) {
        #expect(ServiceCredentials.variables(beside: environment) { _ in true }.isEmpty)
    }
}
