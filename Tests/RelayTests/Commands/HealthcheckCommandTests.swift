import Libevent
import Testing

@testable import Relay

/// The address that the health check requests.
@Suite
struct HealthcheckCommandTests {
    @Test(arguments: [
        ("0.0.0.0:8093", "http://127.0.0.1:8093/health"), (":9000", "http://127.0.0.1:9000/health"),
        ("[::]:9000", "http://[::1]:9000/health"), ("10.0.0.7:9000", "http://10.0.0.7:9000/health"),
        ("127.0.0.1:0", "http://127.0.0.1:8093/health"), ("*:9000", "http://127.0.0.1:9000/health"),
    ])
    func addressIsTheLocalFormOfTheListenAddress(listen: String, address: String) throws {
        #expect(HealthcheckCommand.address(of: [try #require(SocketAddress(listen))]) == address)
    }

    @Test func invalidSettingDoesNotHideTheAddress() {
        var reader = ConfigurationReader(
            environment: ["RELAY_LISTEN": ":9000", "LOG_LEVEL": "loud", "ROCKETCHAT_WEBHOOK_INFO_FILE": "/nowhere"],
            readsSecrets: false)
        let (configuration, problems) = reader.readLeniently()
        #expect(problems.map(\.key) == ["LOG_LEVEL"])
        #expect(HealthcheckCommand.address(of: configuration.listen) == "http://127.0.0.1:9000/health")
    }

    @Test func emptyPortUsesTheDefault() {
        var reader = ConfigurationReader(environment: ["PORT": ""], readsSecrets: false)
        #expect(HealthcheckCommand.address(of: reader.readLeniently().configuration.listen).contains(":8093/"))
    }
}
