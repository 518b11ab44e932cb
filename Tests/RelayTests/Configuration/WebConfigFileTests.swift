import ArgumentParser
import Foundation
import Libevent
import TestSupport
import Testing

@testable import Alerts
@testable import Relay

private let hook = "https://chat.example.com/hooks/id/token"

/// The web configuration file of the Prometheus exporter toolkit.
@Suite struct WebConfigFileTests {
    private let folder = TemporaryFolder()

    private func read(
        _ yaml: String, environment: [String: String] = [:]
    ) throws -> (configuration: RelayConfiguration, problems: [String]) {
        let path = folder.path + "/web.yml"
        try yaml.write(toFile: path, atomically: true, encoding: .utf8)
        var reader = ConfigurationReader(
            environment: ["ROCKETCHAT_WEBHOOK_INFO": hook, "RELAY_WEB_CONFIG_FILE": path]
                .merging(environment) { $1 })
        let (configuration, problems) = reader.readLeniently()
        return (configuration, problems.map { $0.description.replacing(folder.path + "/", with: "") })
    }

    private func makeCertificate() throws {
        try SelfSigned.make(
            certificate: folder.path + "/tls.crt", key: folder.path + "/tls.key", names: "DNS:localhost")
    }

    private static let hash = "$2y$04$" + String(repeating: "a", count: 53)

    @Test func filesAndUsersAreTheRelaysOwn() throws {
        try makeCertificate()
        let (configuration, problems) = try read(
            """
            tls_server_config:
              cert_file: tls.crt
              key_file: \(folder.path)/tls.key
              client_auth_type: RequireAndVerifyClientCert
              client_ca_file: tls.crt
              min_version: TLS12
              max_version: TLS13
            http_server_config:
              http2: false
            basic_auth_users:
              alertmanager: \(Self.hash)
              'grace, hopper': \(Self.hash)
            """)
        #expect(problems == [])
        #expect(configuration.tlsFiles?.certificate == folder.path + "/tls.crt")
        #expect(configuration.tlsFiles?.key == folder.path + "/tls.key")
        #expect(configuration.tlsFiles?.clientCA == folder.path + "/tls.crt" && configuration.tls != nil)
        #expect(configuration.users.count == 2)
    }

    /// A reload during a write of the file must not turn off TLS and authentication.
    @Test(arguments: [
        "", "{}", "null", "tls_server_config:\n", "tls_server_config: {}", "basic_auth_users:",
        "basic_auth_users: {}\n",
        "http_server_config:",
    ])
    func emptyFileOrSectionIsAProblem(yaml: String) throws {
        let (_, problems) = try read(yaml)
        #expect(problems.count == 1 && problems.first?.contains("must hold keys and values") == true, "\(problems)")
    }

    @Test(arguments: [
        (
            "tls_server_config: {min_version: TLS13}",
            "web.yml:1:34: tls_server_config.min_version: \"TLS13\" is not supported"
        ),
        ("tls_server_config: {max_version: TLS12}", "tls_server_config.max_version: \"TLS12\" is not supported"),
        ("tls_server_config: {cipher_suites: [A]}", "tls_server_config.cipher_suites: is not supported"),
        ("tls_server_config: {client_allowed_sans: [a]}", "tls_server_config.client_allowed_sans: is not supported"),
        ("tls_server_config: {cert: x}", "tls_server_config.cert: is not supported"),
        (
            "tls_server_config: {cert_flie: x}",
            "cert_flie: is not a key of a web configuration, did you mean tls_server_config.cert_file?"
        ),
        ("tls_server_config: {client_auth_type: RequestClientCert}", "\"RequestClientCert\" is not supported"),
        ("tls_server_config: {client_auth_type: RequireAndVerifyClientCert}", "client_auth_type: needs client_ca_file"),
        (
            "tls_server_config: {cert_file: tls.crt, key_file: tls.key, client_ca_file: tls.crt}",
            "must be RequireAndVerifyClientCert"
        ),
        (
            "tls_server_config: {cert_file: tls.crt}",
            "web.yml:1:32: tls_server_config.cert_file: TLS needs a certificate and its key"
        ),
        ("tls_server_config: {cert_file: [a]}", "tls_server_config.cert_file: must be a single value"),
        ("http_server_config: {http2: true}", "http_server_config.http2: \"true\" is not supported"),
        ("http_server_config: {headers: {}}", "http_server_config.headers: is not supported"),
        ("rate_limit: {burst: 1}", "web.yml:1:1: rate_limit: is not supported by the relay; take it out"),
        ("basic_auth_user: {}", "basic_auth_user: is not a key of a web configuration, did you mean basic_auth_users?"),
        ("basic_auth_users: [a]", "basic_auth_users: must hold keys and values"),
        ("basic_auth_users: {a: }", "basic_auth_users.a: must be a single value"),
        ("basic_auth_users: {a: plain}", "web.yml:1:1: basic_auth_users: "),
        ("basic_auth_users: {a: 1}\nbasic_auth_users: {}", "basic_auth_users: is given twice"),
        ("a: b: c", "web.yml:1:"), ("- a", "must hold keys and values"),
    ])
    func mistakesAreReportedWithTheirPlace(yaml: String, problem: String) throws {
        try makeCertificate()
        let (_, problems) = try read(yaml)
        #expect(problems.contains { $0.contains(problem) }, "\(problems)")
    }

    @Test func valueUnderBothNamesIsAProblem() throws {
        try makeCertificate()
        let yaml = """
            tls_server_config: {cert_file: tls.crt, key_file: tls.key}
            basic_auth_users: {a: \(Self.hash)}
            """
        let own = ["RELAY_BASIC_AUTH": "a:\(Self.hash)", "RELAY_TLS_CERT_FILE": folder.path + "/tls.crt"]
        let (_, problems) = try read(yaml, environment: own)
        #expect(
            Set(problems) == [
                "web.yml:2:1: basic_auth_users: is given together with RELAY_BASIC_AUTH; give one of them",
                "web.yml:1:32: tls_server_config.cert_file: is given together with RELAY_TLS_CERT_FILE; give one of them",
            ], "\(problems)")
        // Settings that the file does not have may be given.
        #expect(try read("", environment: own).problems.contains { $0.contains("together") } == false)
    }

    @Test func unreadableFileIsAProblem() {
        var reader = ConfigurationReader(
            environment: ["ROCKETCHAT_WEBHOOK_INFO": hook, "RELAY_WEB_CONFIG_FILE": "/nowhere"])
        #expect(
            reader.readLeniently().problems.map(\.description)
                == ["RELAY_WEB_CONFIG_FILE: /nowhere cannot be read: No such file or directory"])
    }

    // MARK: Flags

    @Test func listenAddressesMayBeRepeated() throws {
        let file = folder.path + "/relay.yml"
        try "webhooks: {info: '\(hook)'}".write(toFile: file, atomically: true, encoding: .utf8)
        let arguments = ["--config.file", file, "--web.listen-address=:9000", "--web.listen-address=[::1]:9001"]
        let configuration = try ConfigurationOptions.parse(arguments).configuration()
        #expect(configuration.listen.map(\.description) == [":9000", "[::1]:9001"])
        let both = try ConfigurationOptions.parse(arguments + ["--listen", ":1"])
        let error = #expect(throws: ConfigurationError.self) { try both.configuration() }
        #expect(error?.description == "--web.listen-address: is given together with --listen; give one of them")
    }
}
