import Foundation
import TestSupport
import Testing

@testable import Alerts
@testable import ChatOps
@testable import Posting
@testable import Support

/// Commands against scripted responses of Alertmanager.
@Suite(.timeLimit(.minutes(2))) struct CommandRunnerTests {
    private static let now = Timestamp(seconds: 1_795_453_440, nanoseconds: 0)
    private static let newID = "4dfefdc3-1111-2222-3333-444455556666"

    private func run(
        _ text: String, _ addresses: [String], login: CurlRequest.Login = .none, timeout: Duration = .seconds(5),
        within limit: Duration = .seconds(8), user: String = "alice", link: String? = "https://chat.example.com/m",
        units: Int = 4_500
    ) throws -> CommandOutcome {
        let runner = CommandRunner(
            AlertmanagerSettings(addresses: addresses, login: login, timeout: timeout), severities: SeverityMap(),
            zone: .utc, limit: units, abort: DeliveryAbort())
        let command = try CommandParser(longest: .seconds(604_800)).parse(text)
        return runner.run(command, for: CommandSender(user: user, link: link), until: .now + limit, now: Self.now)
    }

    private static func healthy(_ line: String) -> (Int, String)? {
        switch line {
        case "GET /api/v2/alerts":
            let alerts = [
                alertJSON("3f2a9c0000000001"), alertJSON("3f2a9c0000000002", state: "suppressed"),
                alertJSON("aaaaaa0000000003", ["alertname": "Down", "severity": "critical", "pod": ""]),
            ]
            return (200, "[\(alerts.joined(separator: ", "))]\n")
        case "GET /api/v2/silences?active=true":
            let silences = [
                silenceJSON("11111111-aaaa", updatedAt: "2026-11-20T00:00:00Z"), silenceJSON("11111111-bbbb"),
                silenceJSON("22222222-cccc", state: "expired"), silenceJSON("33333333-dddd"),
            ]
            return (200, "[\(silences.joined(separator: ","))]")
        case "POST /api/v2/silences": return (200, #"{"silenceID":"\#(newID)"}"#)
        case let line where line.hasPrefix("DELETE"): return (200, "")
        case let line where line.hasPrefix("GET /api/v2/alerts?filter="):
            return (200, "[\(alertJSON("0123456789abcdef"))]")
        default: return (404, "")
        }
    }

    // MARK: !silence

    @Test func silenceOfAnAlertHasAllItsLabels() throws {
        let server = try ScriptedAlertmanager(Self.healthy)
        let outcome = try run("!silence 2h aaaaaa disk swap", [server.address])
        #expect(outcome.result == .done)
        #expect(
            outcome.text == "`alice` silenced Down until 2026-11-23 19:04 UTC (2 h)\nUndo: `!unsilence 4dfefdc3`")
        let posted = server.posted
        let matchers = posted["matchers"] as? [[String: AnyHashable]] ?? []
        #expect(matchers.map { $0["name"] as? String } == ["alertname", "severity"], "a label without a value is none")
        #expect(matchers.map { $0["value"] as? String } == ["Down", "critical"])
        #expect(matchers.allSatisfy { $0["isRegex"] as? Bool == false && $0["isEqual"] as? Bool == true })
        #expect(posted["createdBy"] as? String == "alice (Rocket.Chat)")
        #expect(posted["comment"] as? String == "disk swap (https://chat.example.com/m)")
        #expect(posted["startsAt"] as? String == "2026-11-23T17:04:00Z")
        #expect(posted["endsAt"] as? String == "2026-11-23T19:04:00Z")
    }

    @Test func silenceByMatchersStatesWhatItMatches() throws {
        let server = try ScriptedAlertmanager(Self.healthy)
        let outcome = try run(
            #"!silence 1d alertname=X instance=~"web.*" "host.name"!="a""#, [server.address], link: nil)
        #expect(outcome.text.contains(#"alerts with `alertname="X"`, `instance=~"web.*"`"#), "\(outcome.text)")
        #expect(outcome.text.contains("\n1 alert that fires now matches\n"))
        let matchers = server.posted["matchers"] as? [[String: AnyHashable]] ?? []
        #expect(matchers.map { $0["isRegex"] as? Bool } == [false, true, false])
        #expect(matchers.map { $0["isEqual"] as? Bool } == [true, true, false])
        #expect(server.posted["comment"] as? String == "Silenced from Rocket.Chat")
        #expect(
            server.lines.first == "GET /api/v2/alerts?filter=alertname%3d%22X%22&filter=instance%3d%7e%22web%2e%2a%22"
                + "&filter=%22host%2ename%22%21%3d%22a%22")
    }

    @Test func idMustSelectOneAlert() throws {
        let server = try ScriptedAlertmanager(Self.healthy)
        let ambiguous = try run("!silence 2h 3f2a9c", [server.address])
        #expect(ambiguous.result == .unmatched)
        #expect(ambiguous.text.contains("2 alerts have an id that begins with"))
        #expect(ambiguous.text.contains("`3f2a9c0000000001` DiskFull on `db-1:9100`"), "\(ambiguous.text)")
        let missing = try run("!silence 2h ffffff", [server.address])
        #expect(missing.result == .unmatched && missing.text.contains("No firing alert has the id"))
        #expect(server.lines == ["GET /api/v2/alerts", "GET /api/v2/alerts"])
    }

    // MARK: Lists

    @Test func alertsAreListedWorstFirst() throws {
        let server = try ScriptedAlertmanager(Self.healthy)
        let text = try run("!alerts", [server.address]).text
        #expect(
            text == """
                2 alerts fire (1 more silenced or inhibited):
                `aaaaaa` `critical` Down since 17:04 UTC
                `3f2a9c0000000001` DiskFull on `db-1:9100` since 17:04 UTC
                """)
    }

    @Test func activeSilencesAreListedNewestFirst() throws {
        let server = try ScriptedAlertmanager(Self.healthy)
        let lines = try run("!silences", [server.address]).text.split(separator: "\n")
        #expect(lines.count == 4 && lines[0] == "3 active silences, newest first:")
        #expect(lines[3].hasPrefix("`11111111-a` "), "the shortest ID that is unique")
        #expect(
            lines[1].contains(#"`alertname="DiskFull"`, `env!~"dev|test"` until 2026-11-23 19:04 UTC by `alice"#),
            "\(lines[1])")
    }

    @Test func listsAreBounded() throws {
        let server = try ScriptedAlertmanager { line in
            let number = line.hasSuffix("alerts") ? 3_000 : 300
            let items = (0..<number).map { index in
                let id = String(1_000_000 + index, radix: 16)
                return line.hasSuffix("alerts") ? alertJSON(id + "000000000000") : silenceJSON(id + "-abcd")
            }
            return (200, "[\(items.joined(separator: ","))]")
        }
        for (command, count) in [("!alerts", "3000 alerts fire:"), ("!silences", "300 active silences")] {
            for units in [450, 4_500] {
                let text = try run(command, [server.address], units: units).text
                #expect(text.utf16.count <= units && text.hasPrefix(count))
                #expect(text.split(separator: "\n").count <= 22 && text.hasSuffix(" more"))
            }
        }
    }

    // MARK: !unsilence

    @Test func silenceIsEndedByItsUniquePrefix() throws {
        let server = try ScriptedAlertmanager(Self.healthy)
        let ended = try run("!unsilence 3333", [server.address])
        #expect(ended.result == .done && ended.text.hasPrefix("`alice` ended the silence of `alertname=\"DiskFull\"`"))
        #expect(server.lines.last == "DELETE /api/v2/silence/33333333-dddd")
        let count = server.lines.count
        #expect(
            try run("!unsilence 11111111", [server.address]).text.contains("2 silences have an id that begins with"))
        #expect(try run("!unsilence 22222222", [server.address]).text.hasPrefix("No active silence"))
        #expect(!server.lines[count...].contains { $0.hasPrefix("DELETE") })
    }

    // MARK: Failures

    @Test(arguments: [
        (400, #""bad *matcher* @all""#, "clientError", "status 400"),
        (422, #"{"code":612,"message":"should have at least 1 items"}"#, "clientError", "should have at least 1 items"),
        (401, "", "authError", "refuses the relay's credentials"), (500, "x", "serverError", "status 500"),
        (302, "", "clientError", "status 302"), (200, "[{\"fingerprint\":1}]", "badResponse", "cannot be read"),
        (200, "<html>", "badResponse", "cannot be read"), (200, "[1,]", "badResponse", "cannot be read"),
        (200, "[] x", "badResponse", "cannot be read"), (200, "[{}", "badResponse", "cannot be read"),
    ])
    func unusableResponseIsExplained(status: Int, body: String, reason: String, words: String) throws {
        let server = try ScriptedAlertmanager { _ in (status, body) }
        let outcome = try run("!silence 2h 3f2a9c", [server.address])
        guard case .failed(let failure) = outcome.result else {
            Issue.record("\(outcome)")
            return
        }
        #expect(failure.reason == reason && outcome.text.contains(words), "\(outcome.text)")
        #expect(!outcome.text.contains(" @all") && !outcome.text.contains(" *matcher*"))
        #expect(server.lines == ["GET /api/v2/alerts"])
    }

    @Test func longListIsNotRead() throws {
        let server = try ScriptedAlertmanager { _ in
            (200, "[" + String(repeating: " ", count: AlertmanagerClient.bodyLimit) + "]")
        }
        #expect(try run("!alerts", [server.address]).result == .failed(.tooLarge))
    }

    @Test func slowAlertmanagerEndsAtTheLimit() throws {
        let server = try ScriptedAlertmanager { _ in nil }
        let start = ContinuousClock.now
        let outcome = try run("!alerts", [server.address, server.address], within: .milliseconds(600))
        #expect(outcome.result == .failed(.timeout) && outcome.text == "Alertmanager does not answer in time")
        #expect(ContinuousClock.now - start < .seconds(5))
    }

    @Test func closedPortIsUnreachable() throws {
        try LoopbackServer.withClosedPort { port in
            let outcome = try run("!silence 2h 3f2a9c", ["http://127.0.0.1:\(port)"])
            #expect(outcome.text == "Alertmanager cannot be reached; nothing was changed")
        }
    }

    @Test func nextMemberAnswersForOneThatIsDown() throws {
        let server = try ScriptedAlertmanager(Self.healthy)
        let broken = try ScriptedAlertmanager { _ in (503, "") }
        try LoopbackServer.withClosedPort { port in
            let outcome = try run("!unsilence 3333", ["http://127.0.0.1:\(port)", broken.address, server.address])
            #expect(outcome.result == .done)
        }
        #expect(broken.lines.count == 1, "the member that answered is asked first")
    }

    /// The members of a cluster share silences, so a second one would outlive `!unsilence`.
    @Test func changeThatWasSentIsNotRepeated() throws {
        let silent = try ScriptedAlertmanager { $0.hasPrefix("POST") ? nil : Self.healthy($0) }
        let other = try ScriptedAlertmanager(Self.healthy)
        let outcome = try run("!silence 2h a=b", [silent.address, other.address], timeout: .milliseconds(500))
        guard case .failed(.unknownResult) = outcome.result else {
            Issue.record("\(outcome)")
            return
        }
        #expect(outcome.text.contains("It may have carried the command out") && other.lines.isEmpty)
    }

    @Test(arguments: [
        (
            CurlRequest.Login.basic(user: "relay", password: Secret("pass:word")),
            "Authorization: Basic cmVsYXk6cGFzczp3b3Jk"
        ),
        (.bearer(Secret("t0ken")), "Authorization: Bearer t0ken"),
    ])
    func credentialsAreSent(login: CurlRequest.Login, header: String) throws {
        let server = try ScriptedAlertmanager(Self.healthy)
        #expect(try run("!alerts", [server.address], login: login).result == .done)
        #expect(server.server.requests[0].head.contains(header))
    }

    /// The client verifies certificates: `CertificateTests` has the other cases.
    @Test func unknownCertificateIsRefused() throws {
        let folder = TemporaryFolder()
        let (certificate, key) = (folder.path + "/c.pem", folder.path + "/k.pem")
        try SelfSigned.make(certificate: certificate, key: key, names: "DNS:localhost")
        var ends: [Int32] = [0, 0]
        try #require(pipe(&ends) == 0)
        defer { for end in ends { close(end) } }
        let port = try Loopback.freePort()
        let server = try Program(
            "openssl", ["s_server", "-accept", "127.0.0.1:\(port)", "-cert", certificate, "-key", key], input: ends[0])
        #expect(eventually { Loopback.isListening(on: port) || !server.isRunning })
        let outcome = try run("!silence 2h a=b", ["https://localhost:\(port)"])
        guard case .failed(.certificate) = outcome.result else {
            Issue.record("\(outcome)")
            return
        }
        #expect(outcome.text.contains("certificate is not accepted; nothing was changed"))
    }
}
