import Foundation
import TestSupport
import Testing

/// `relay smoke` against a relay, directly and through the shipped nginx.conf.
@Suite(.serialized, .timeLimit(.minutes(2)))
struct SmokeTests {
    private func smoke(_ arguments: String..., environment: [String: String] = [:]) throws -> (
        code: Int32?, output: String
    ) {
        let program = try Program("relay", ["smoke"] + arguments, environment: environment)
        return (program.exitCode(), program.output)
    }

    @Test func smokePostsAnAlertAndItsResolve() throws {
        let rig = try Rig()
        for form in ["", "/", "/webhook", "/webhook/"] {
            let result = try smoke("http://127.0.0.1:\(rig.port)\(form)", "--severity", "info")
            #expect(result.code == 0 && result.output.hasPrefix("ok: http://127.0.0.1:"), "\(result.output)")
        }
        #expect(try smoke(environment: ["RELAY_LISTEN": "*:\(rig.port)"]).code == 0)
        let texts = try rig.waitForMessages(10).map(\.whole)
        #expect(texts.count == 10 && texts.allSatisfy { $0.contains("RelaySmokeTest") })
        #expect(try rig.messages(hook: "info").count == 8 && rig.messages(hook: "warning").count == 2)
    }

    @Test func smokeWorksThroughTheShippedProxy() throws {
        let rig = try Rig(environment: ["RELAY_AUTH_TOKEN": "t0ken"])
        let front = try DeploymentTests.Front(relay: rig.port)
        let (url, folder) = ("https://localhost:\(front.port)", front.folder.path)
        let trusted = ["--ca-file", folder + "/tls_certificate"]
        let untrusted = try smoke(url)
        #expect(untrusted.code == 1 && untrusted.output.contains("give --ca-file"), "\(untrusted.output)")
        let missing = try smoke(url, trusted[0], trusted[1])
        #expect(missing.code == 1 && missing.output.contains("give --token-file"), "\(missing.output)")
        let unreadable = try smoke(
            url, trusted[0], trusted[1], environment: ["RELAY_AUTH_TOKEN_FILE": folder + "/nothing"])
        #expect(
            unreadable.code == 1 && unreadable.output.contains("nothing cannot be read: No such file"),
            "\(unreadable.output)")
        let token = folder + "/relay_token"
        for more in [trusted, ["--insecure"]] {
            let program = try Program("relay", ["smoke", url, "--token-file", token] + more)
            #expect(program.exitCode() == 0 && program.output.hasPrefix("ok: "), "\(program.output)")
            #expect(!program.output.contains("t0ken"))
        }
        #expect(
            try smoke(url, trusted[0], trusted[1], environment: ["RELAY_AUTH_TOKEN_FILE": token]).code == 0)
        #expect(try rig.waitForMessages(6, hook: "warning").count == 6)
    }

    @Test func smokeSignsIfOnlySignaturesAreConfigured() throws {
        let settings = ["RELAY_HMAC_SECRET": "s3cret-of-grafana"]
        let timed = settings.merging(["RELAY_HMAC_TIMESTAMP_HEADER": "X-Time"]) { $1 }
        for environment in [settings, timed] {
            let rig = try Rig(environment: environment)
            let url = "http://127.0.0.1:\(rig.port)"
            #expect(try smoke(url, environment: environment).code == 0)
            #expect(try smoke(url).code == 1)
            #expect(try smoke(url, environment: settings.mapValues { $0 + "x" }).code == 1)
        }
    }

    @Test func smokeNamesWhatIsWrong() throws {
        let rig = try Rig()
        let tls = try smoke("https://127.0.0.1:\(rig.port)")
        #expect(tls.code == 1 && tls.output.contains("does not use TLS on this port"), "\(tls.output)")
        let other = try smoke("http://127.0.0.1:\(rig.mockPort)")
        #expect(other.code == 1 && other.output.contains("HTTP 405 for /webhook"), "\(other.output)")
        let nobody = try smoke("http://127.0.0.1:9")
        #expect(nobody.code == 1 && nobody.output.components(separatedBy: "Couldn't connect").count == 2)
        #expect(try smoke("--cert-file", "x").code == 64)
    }
}
