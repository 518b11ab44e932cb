import Foundation
import Libevent
import TestSupport
import Testing

@testable import Alerts
@testable import Relay
@testable import Support

/// Signed webhooks: the signature's form, its time, and the listener's responses.
@Suite(.timeLimit(.minutes(1))) @LoopActor struct SignatureAuthenticationTests {
    private struct Head: RequestHead {
        var fields: [(String, String)] = []
        var remoteAddress: String { "127.0.0.1" }
        func header(_ name: String) -> String? { headers(name).first }
        func headers(_ name: String) -> [String] { fields.filter { $0.0 == name }.map(\.1) }
    }

    private nonisolated static let header = "X-Grafana-Alerting-Signature"
    private nonisolated static let secret = "a-secret-that-nobody-guesses"
    private nonisolated static let now = Timestamp(seconds: 1_800_000_000, nanoseconds: 0)

    private nonisolated static func hex(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    private nonisolated static func sign(_ body: [UInt8], secret: String = secret, time: String? = nil) -> String {
        hex(BodySignature.digest(Array((time.map { $0 + ":" } ?? "").utf8), body, key: Array(secret.utf8)))
    }

    private func isValid(_ claim: SignatureClaim, _ body: [UInt8]) -> Bool? {
        guard case .signed(let signature) = claim else { return nil }
        return signature.isValid(for: body)
    }

    /// The vectors of RFC 4231, test cases 1, 2, 3 and 6.
    @Test(arguments: [
        (
            [UInt8](repeating: 0x0B, count: 20), "Hi There",
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
        ),
        (
            Array("Jefe".utf8), "what do ya want for nothing?",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        ),
        (
            [UInt8](repeating: 0xAA, count: 131), "Test Using Larger Than Block-Size Key - Hash Key First",
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        ),
    ])
    func digestsAreThoseOfTheStandard(key: [UInt8], text: String, digest: String) {
        let bytes = Array(text.utf8)
        for split in 0...bytes.count {
            #expect(Self.hex(BodySignature.digest(Array(bytes[..<split]), Array(bytes[split...]), key: key)) == digest)
        }
    }

    @Test func anyOfTheSecretsIsAccepted() {
        let settings = SignatureSettings(secrets: [Secret("new"), Secret(Self.secret)])
        for (secret, isRight) in [("new", true), (Self.secret, true), ("old", false)] {
            let head = Head(fields: [(Self.header, Self.sign([1, 2], secret: secret).uppercased())])
            let claim = SignatureClaim(head, settings, now: Self.now)
            #expect(isValid(claim, [1, 2]) == isRight)
            #expect(isValid(claim, [1, 3]) == false && isValid(claim, []) == false)
        }
    }

    @Test func requestWithoutSignatureOrSecretMakesNoClaim() {
        let signed = Head(fields: [(Self.header, Self.sign([]))])
        for (head, secrets) in [(Head(), [Secret("a")]), (signed, [])] {
            let claim = SignatureClaim(head, SignatureSettings(secrets: secrets), now: Self.now)
            guard case .none = claim else {
                Issue.record("\(claim)")
                continue
            }
        }
    }

    @Test(arguments: [
        "", "00", "zz", String(repeating: "0", count: 63), String(repeating: "0", count: 66),
        "sha256=" + String(repeating: "0", count: 64), String(repeating: "g", count: 64),
        String(repeating: "é", count: 32),
    ])
    func malformedSignatureIsInvalid(value: String) {
        let claim = SignatureClaim(
            Head(fields: [(Self.header, value)]), SignatureSettings(secrets: [Secret("a")]), now: Self.now)
        guard case .invalid = claim else {
            Issue.record("\(value): \(claim)")
            return
        }
    }

    @Test(arguments: [
        ("1800000000", true), ("1799999700", true), ("1800000300", true), ("1799999699", false), ("1800000301", false),
        ("", false), ("now", false), ("-1800000000", false), ("9223372036854775808", false), ("1800000000.5", false),
    ])
    func timeMustBeWithinTheReplayWindow(time: String, isRight: Bool) {
        let settings = SignatureSettings(secrets: [Secret(Self.secret)], timestampHeader: "X-Time")
        let fields = [(Self.header, Self.sign([7], time: time)), ("X-Time", time)]
        #expect(isValid(SignatureClaim(Head(fields: fields), settings, now: Self.now), [7]) == (isRight ? true : nil))
        // Without the time, and with another time than the signed one.
        #expect(isValid(SignatureClaim(Head(fields: [fields[0]]), settings, now: Self.now), [7]) == nil)
        let other = [fields[0], ("X-Time", "1800000001")]
        #expect(isValid(SignatureClaim(Head(fields: other), settings, now: Self.now), [7]) == false)
        #expect(isValid(SignatureClaim(Head(fields: fields + [fields[1]]), settings, now: Self.now), [7]) == nil)
    }

    // MARK: The listener

    @Test func signedWebhooksAreAcceptedBesideTokens() async throws {
        let bench = try ListenerBench {
            $0.authTokens = [Secret("token")]
            $0.signatures.secrets = [Secret(Self.secret)]
        }
        let body = warningBody("Signed")
        let signed = "\(Self.header): \(Self.sign(body))"
        let wrong = "\(Self.header): \(Self.sign(body, secret: "another"))"
        #expect(await bench.post(body, headers: [signed])?.status == 200)
        #expect(await bench.post(warningBody("Token"), headers: ["Authorization: Bearer token"])?.status == 200)
        // Grafana may send credentials that the relay does not know.
        let both = warningBody("Both")
        let headers = ["\(Self.header): \(Self.sign(both))", "Authorization: Basic eDp5"]
        #expect(await bench.post(both, headers: headers)?.status == 200)
        #expect(bench.acceptedAlerts == 3)
        for headers in [[wrong], [wrong, "Authorization: Bearer token"], ["\(Self.header): x"], []] {
            let answer = await bench.post(body, headers: headers)
            #expect(answer?.status == 401, "\(headers)")
            #expect(answer?.headers["www-authenticate"]?.isEmpty == false)
        }
        #expect(bench.acceptedAlerts == 3 && bench.metrics.payloadsRejected["unauthorized"].current == 4)
        #expect(bench.log.texts.allSatisfy { !$0.contains(Self.secret) })
        await bench.stop()
    }

    /// Verified on a queue of its own.
    @Test func largeBodyIsVerifiedToo() async throws {
        let bench = try ListenerBench { $0.signatures.secrets = [Secret(Self.secret)] }
        let alert = alertJSON(
            labels: #"{"alertname":"Large","severity":"warning"}"#,
            annotations: "{\"summary\":\"\(String(repeating: "x", count: 300_000))\"}")
        let body = Array(webhookBody(alerts: "[\(alert)]", groupKey: "\"large\"").utf8)
        var changed = body
        changed[changed.count - 20] ^= 1
        let signed = "\(Self.header): \(Self.sign(body))"
        #expect(await bench.post(changed, headers: [signed])?.status == 401)
        #expect(await bench.post(body, headers: [signed])?.status == 200)
        // Without tokens and users an unsigned webhook is refused too.
        #expect(await bench.post(body)?.status == 401)
        await bench.stop()
    }

    @Test func reloadAppliesSecretsToOpenConnections() async throws {
        let bench = try ListenerBench { $0.signatures.secrets = [Secret("an-old-secret")] }
        var configuration = RelayConfiguration()
        configuration.signatures.secrets = [Secret(Self.secret)]
        bench.listener.reconfigure(configuration, router: AlertRouter([], numbers: [:]))
        let body = warningBody("Reloaded")
        #expect(
            await bench.post(body, headers: ["\(Self.header): \(Self.sign(body, secret: "an-old-secret"))"])?.status
                == 401)
        #expect(await bench.post(body, headers: ["\(Self.header): \(Self.sign(body))"])?.status == 200)
        await bench.stop()
    }

    @Test func wrongSignaturesAreDelayedAndTheRightOneIsNot() async throws {
        let bench = try ListenerBench { $0.signatures.secrets = [Secret(Self.secret)] }
        let body = warningBody("Guess")
        let wrong = "\(Self.header): \(Self.sign(body, secret: "guess"))"
        let start = ContinuousClock.now
        for _ in 0..<11 { #expect(await bench.post(body, headers: [wrong])?.status == 401) }
        #expect(ContinuousClock.now - start >= DelayedRefusals.delay)
        #expect(await bench.post(body, headers: ["\(Self.header): \(Self.sign(body))"])?.status == 200)
        await bench.stop()
    }
}
