import Foundation
import Libevent
import Logging
import TestSupport
import Testing

@testable import Alerts
@testable import Posting
@testable import Relay
@testable import Support

/// Empty or invalid credentials and hooks, in variables and in files.
@Suite struct SecretsTests {
    private let folder = TemporaryFolder()
    private let hook = "https://chat.example.com/hooks/a1B2c3/d4E5f6"

    private func problems(_ environment: [String: String], yaml: String? = nil) throws -> [ConfigurationProblem] {
        let file = folder.path + "/relay.yml"
        try yaml?.write(toFile: file, atomically: true, encoding: .utf8)
        var reader = ConfigurationReader(
            environment: ["ROCKETCHAT_WEBHOOK_INFO": hook].merging(environment) { $1 },
            file: yaml == nil ? nil : SettingsFile(path: file))
        return reader.readLeniently().problems
    }

    private func file(_ bytes: [UInt8]) throws -> String {
        let path = folder.path + "/" + UUID().uuidString
        try Data(bytes).write(to: URL(filePath: path))
        return path
    }

    @Test(arguments: [
        "RELAY_AUTH_TOKEN", "RELAY_BASIC_AUTH", "RELAY_AUTH_TOKEN_FILE", "RELAY_BASIC_AUTH_FILE",
        "RELAY_ALLOWED_NETWORKS", "RELAY_TLS_CERT_FILE", "RELAY_TLS_KEY_FILE", "RELAY_TLS_CLIENT_CA_FILE",
    ])
    func emptyAccessSettingIsAProblem(variable: String) throws {
        for value in ["", " ", "\r", "\u{A0}\t"] {
            #expect(try problems([variable: value]).map(\.key) == [variable], "\(value.debugDescription)")
        }
    }

    @Test(arguments: [",", " , ", "a,,b", "a,", ",a"]) func anEmptyItemIsAProblem(tokens: String) throws {
        #expect(try problems(["RELAY_AUTH_TOKEN": tokens]).map(\.key) == ["RELAY_AUTH_TOKEN"])
        let path = try file(Array(tokens.utf8))
        let reported = try problems(["RELAY_AUTH_TOKEN_FILE": path])
        #expect(reported.map(\.key) == ["RELAY_AUTH_TOKEN_FILE"] && reported[0].message.contains(path))
    }

    @Test(arguments: [
        "auth_tokens:", "auth_tokens: ''", "auth_tokens: []", "auth_tokens: ['']", "auth_tokens: [a, '']",
    ])
    func anEmptyCredentialOfTheFileIsAProblem(yaml: String) throws {
        #expect(try problems([:], yaml: yaml + "\n").map(\.key) == ["auth_tokens"])
    }

    @Test(arguments: ["${RELAY_AUTH_TOKEN}", "<token>", "a-long-and-good-token-0123456789,{{ token }}", "$(cat token)"])
    func placeholderTokenIsAProblem(tokens: String) throws {
        let reported = try problems(["RELAY_AUTH_TOKEN": tokens])
        #expect(reported.map(\.key) == ["RELAY_AUTH_TOKEN"] && reported[0].message.contains("placeholder"))
    }

    @Test(arguments: [
        "a-long-and-good-token\u{1B}0123456789", "geheim-passwört-für-alle", "\u{FEFF}a-long-and-good-token-0123",
        "Bearer a-long-and-good-token-0123456789", String(repeating: "a", count: 4097),
    ])
    func unsendableTokenIsAProblem(token: String) throws {
        #expect(try problems(["RELAY_AUTH_TOKEN": token]).map(\.key) == ["RELAY_AUTH_TOKEN"])
    }

    @Test(arguments: ["10.0.0.0/8,,", "10.0.0.0/8,,10.1.1.1", ",10.0.0.0/8"])
    func anEmptyItemOfNetworksIsAProblem(networks: String) throws {
        for variable in ["RELAY_ALLOWED_NETWORKS", "RELAY_TRUSTED_PROXIES"] {
            #expect(try problems([variable: networks]).map(\.key) == [variable])
        }
    }

    @Test(arguments: [
        "5 s", "http://h h:1", "http://", "http://h:99999", "http://[::1", "*:x", "${PROXY}", "ftp://x", "\u{1B}[2J",
        "http://user:S3cret/Pw@h:3128", "http://user:S3cret#Pw@h", "http://user:S3cret@Pw@h",
    ])
    func invalidProxyIsReportedWithoutItsPassword(proxy: String) throws {
        let reported = try problems(["RELAY_PROXY": proxy])
        #expect(reported.map(\.key) == ["RELAY_PROXY"])
        #expect(!reported[0].message.contains("S3cret"))
    }

    @Test(arguments: [
        "proxy.example:3128", "http://proxy.example:3128/", "socks5h://u:p%40ss@[2001:db8::1]:1080", "127.0.0.1",
    ])
    func validProxiesAreAccepted(proxy: String) throws {
        #expect(try problems(["RELAY_PROXY": proxy]).isEmpty)
    }

    @Test(arguments: ["a\u{1B}[2Jb", "a\u{0}b", "a\u{202E}b", "a\u{2028}b", "a\u{85}b"])
    func aliasWithInvisibleCharactersIsAProblem(alias: String) throws {
        #expect(try problems(["RELAY_ALIAS": alias]).map(\.key) == ["RELAY_ALIAS"])
        #expect(try problems(["RELAY_ALIAS": "Wache 👩‍🚒 ä"]).isEmpty)
    }

    @Test func proxyPasswordIsRedactedFromErrors() throws {
        let proxy = try ProxyURL("http://grace:S3cretPw@proxy.example:1")
        let text = proxy.redacting("bad proxy http://grace:S3cretPw@proxy.example:1: S3cretPw at proxy.example")
        #expect(!text.contains("S3cretPw") && text.contains("proxy.example"))
    }

    /// The pipe has no writer, and reading it must not block.
    @Test func pipeWithoutAWriterIsReported() throws {
        let path = folder.path + "/pipe"
        #expect(mkfifo(path, 0o600) == 0)
        let reported = try problems(["RELAY_AUTH_TOKEN_FILE": path])
        #expect(reported.map(\.key) == ["RELAY_AUTH_TOKEN_FILE"] && reported[0].message.contains(path))
    }

    @Test func weakTokenCausesAWarning() throws {
        var reader = ConfigurationReader(environment: ["ROCKETCHAT_WEBHOOK_INFO": hook, "RELAY_AUTH_TOKEN": "t0ken"])
        #expect(try reader.read().warnings.map(\.key) == ["RELAY_AUTH_TOKEN"])
    }

    @Test func emptyHookCausesAWarning() throws {
        var reader = ConfigurationReader(environment: [
            "ROCKETCHAT_WEBHOOK_INFO": hook, "ROCKETCHAT_WEBHOOK_CRITICAL": "", "RELAY_STORAGE_PATH": "  ",
        ])
        let configuration = try reader.read()
        #expect(configuration.warnings.map(\.key) == ["ROCKETCHAT_WEBHOOK_CRITICAL", "RELAY_STORAGE_PATH"])
        #expect(configuration.storagePath == "./data")
    }

    @Test(arguments: [
        ([0xEF, 0xBB, 0xBF] + Array("https://chat.example.com/hooks/a/b".utf8), "byte order mark"),
        ([0xFF, 0xFE, 0x68, 0x00, 0x74, 0x00], "UTF-16"), ([0xFE, 0xFF, 0x00, 0x68], "UTF-16"),
        ([0x68, 0x00, 0x74, 0x00], "UTF-16"), ([0x68, 0xC3], "UTF-8"), ([], "is empty"),
        (Array(" \r\n\n".utf8), "is empty"),
        (Array("\"https://chat.example.com/hooks/a/b\"\n".utf8), "quotes"),
        (Array("'https://chat.example.com/hooks/a/b'".utf8), "quotes"),
        (Array("chat.example.com/hooks/a/s3cret".utf8), "must begin with https://"),
        (Array("https://chat.example.com".utf8), "has no path"),
        ([UInt8](repeating: 0x78, count: SecretFile.sizeLimit + 1), "larger than"),
    ])
    func secretFileProblemNamesTheFile(content: [UInt8], words: String) throws {
        let path = try file(content)
        let reported = try problems(["ROCKETCHAT_WEBHOOK_CRITICAL_FILE": path])
        #expect(reported.map(\.key) == ["ROCKETCHAT_WEBHOOK_CRITICAL_FILE"])
        #expect(
            reported.first?.message.contains(path) == true && reported.first?.message.contains(words) == true,
            "\(reported)")
        #expect(reported.first?.message.contains("s3cret") == false)
        #expect(reported.first?.description.contains { $0.isNewline } == false)
    }

    @Test func foldersAndMissingFilesAreReported() throws {
        let reported = try problems([
            "ROCKETCHAT_WEBHOOK_CRITICAL_FILE": folder.path, "RELAY_AUTH_TOKEN_FILE": folder.path + "/none",
        ]).map(\.description)
        #expect(reported[0].contains(folder.path) && reported[0].contains("is a folder"))
        #expect(reported[1].contains(folder.path + "/none") && reported[1].contains("No such file"))
    }

    @Test func configurationFileThatIsAFolderIsAProblem() {
        #expect(SettingsFile(path: folder.path).problems.first?.description.contains("Is a directory") == true)
    }

    @Test func errorsAboutUsersNameTheirFile() throws {
        let path = try file(Array("grace:plain\n".utf8))
        let reported = try problems(["RELAY_BASIC_AUTH_FILE": path])
        #expect(reported.map(\.key) == ["RELAY_BASIC_AUTH_FILE"] && reported[0].message.contains(path))
    }

    @Test(arguments: ["", "\n", "not PEM", "-----BEGIN CERTIFICATE-----\n"])
    func fileWithoutACertificateIsReported(content: String) throws {
        let path = try file(Array(content.utf8))
        let reported = try problems(["RELAY_CA_FILE": path])
        #expect(reported.map(\.key) == ["RELAY_CA_FILE"] && reported[0].message.contains(path))
        #expect(try problems(["RELAY_CA_FILE": folder.path]).first?.message.contains("is a folder") == true)
    }

    @Test func pemCertificatesAreAccepted() throws {
        let (certificate, key) = (folder.path + "/c.pem", folder.path + "/k.pem")
        try SelfSigned.make(certificate: certificate, key: key, names: "DNS:localhost")
        #expect(
            try problems([
                "RELAY_CA_FILE": certificate, "RELAY_CLIENT_CERT_FILE": certificate, "RELAY_CLIENT_KEY_FILE": key,
            ]) == [])
        let swapped = ["RELAY_CLIENT_CERT_FILE": key, "RELAY_CLIENT_KEY_FILE": certificate]
        #expect(try problems(swapped).map(\.key) == ["RELAY_CLIENT_CERT_FILE", "RELAY_CLIENT_KEY_FILE"])
    }

    @Test func everyValueIsTrimmedAlike() throws {
        var reader = ConfigurationReader(environment: [
            "ROCKETCHAT_WEBHOOK_INFO": " \(hook)\r", "PORT": " 8094\r", "LOG_LEVEL": "debug\r",
            "RELAY_RATE_LIMIT": "10/60s\r\n", "RELAY_STORAGE_PATH": "\u{A0}./data\r", "RELAY_ALIAS": "\tAlerts ",
            "RELAY_AUTH_TOKEN": " token\r", "RELAY_THREADS": "true\n",
        ])
        let configuration = try reader.read()
        #expect(configuration.hooks[.info]?.url.revealed == hook)
        #expect(configuration.listen.map(\.port) == [8094] && configuration.logLevel == .debug)
        #expect(configuration.storagePath == "./data" && configuration.posting.alias == "Alerts")
        #expect(configuration.authTokens.map(\.revealed) == ["token"] && configuration.usesThreads)
    }

    @Test func quotedValuesEscapeControlCharacters() throws {
        let reported = try problems(["PORT": "80\r93\u{1B}[31m", "LOG_LEVEL": "\"info\""]).map(\.description)
        #expect(reported[0].contains(#"80\r93\u{1B}[31m"#) && !reported[0].contains("\r"))
        #expect(reported[1].contains("take the quotes out"))
    }

    @Test(arguments: Setting.all.map(\.variable)) func aValueInQuotesIsAProblem(variable: String) throws {
        for value in ["\"x\"", "'x'", " \"./data\"\r"] {
            let reported = try problems([variable: value])
            // A setting that needs others reports that they are missing too.
            #expect(reported.contains { $0.key == variable }, "\(reported)")
            #expect(reported.allSatisfy { $0.key.hasPrefix(variable.prefix { $0 != "_" }) }, "\(reported)")
        }
    }

    @Test func variableOfAnUndefinedReceiverIsAProblem() throws {
        #expect(try problems(["RELAY_RECEIVERS_0_NAME": "x"]).map(\.key) == ["RELAY_RECEIVERS_0_NAME"])
    }

    @Test func starListensOnEveryAddress() throws {
        var reader = ConfigurationReader(environment: ["ROCKETCHAT_WEBHOOK_INFO": hook, "RELAY_LISTEN": "*:8093"])
        let listen = try reader.read().listen
        #expect(listen.map(\.isWildcard) == [true])
        #expect(HealthcheckCommand.address(of: listen) == "http://127.0.0.1:8093/health")
        #expect(try problems(["RELAY_LISTEN": ":8093,*:8093"]).map(\.key) == ["RELAY_LISTEN"])
    }
}
