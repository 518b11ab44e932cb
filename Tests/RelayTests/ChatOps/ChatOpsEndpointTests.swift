import Foundation
import Libevent
import TestSupport
import Testing

@testable import Posting
@testable import Relay
@testable import Support

/// The route `/rocketchat` with its listener, and a server in Alertmanager's place.
@Suite(.timeLimit(.minutes(1))) @LoopActor struct ChatOpsEndpointTests {
    private nonisolated static let token = "abcdefghijklmnopqrstuvwx"

    @LoopActor private final class Setup {
        let bench: ListenerBench
        let alertmanager: LoopbackServer

        init(
            change: (inout RelayConfiguration) -> Void = { _ in },
            alertmanager serve: @escaping @Sendable (LoopbackServer.Connection) -> Void = ChatOpsEndpointTests.noAlerts
        ) throws {
            let server = try LoopbackServer(serve)
            alertmanager = server
            var configured = RelayConfiguration()
            bench = try ListenerBench { configuration in
                configuration.chatOps.tokens = [Secret("another-token-0123456789"), Secret(token)]
                configuration.alertmanager.addresses = ["http://127.0.0.1:\(server.port)"]
                change(&configuration)
                configured = configuration
            }
            bench.listener.chatOps = ChatOpsEndpoint(
                configuration: configured, screener: bench.listener.screener, abort: DeliveryAbort(),
                metrics: bench.metrics, logger: bench.log.logger)
        }

        func stop() async {
            alertmanager.stop()
            await bench.stop()
        }

        func post(_ body: [UInt8], headers: [String] = []) async -> Client.Answer? {
            let port = bench.port
            return await offLoop { Client.request("POST", "/rocketchat", port: port, headers: headers, body: body) }
        }

        func count(_ command: String, _ result: String) -> Int { bench.metrics.chatCommands[command, result].current }
    }

    private nonisolated static let noAlerts: @Sendable (LoopbackServer.Connection) -> Void = { connection in
        while connection.readRequest() != nil {
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]")
        }
    }

    private nonisolated static func body(
        _ text: String, id: String = UUID().uuidString, token: String = token, user: String = "alice",
        bot: String = "false", more: String = ""
    ) -> [UInt8] {
        let text = String(decoding: (try? JSONEncoder().encode(text)) ?? Data(), as: UTF8.self)
        return Array(
            (#"{"token":"\#(token)","bot":\#(bot),"trigger_word":"!silence","channel_id":"R1","channel_name":"alerts","#
                + #""message_id":"\#(id)","timestamp":"2026-11-26T08:00:00.000Z","user_id":"u","user_name":"\#(user)","#
                + #""text":\#(text),"siteUrl":"https://chat.example.com"\#(more)}"#).utf8)
    }

    // MARK: Answers

    @Test func commandIsAnsweredInItsThread() async throws {
        let setup = try Setup()
        let answer = await setup.post(Self.body("!alerts", id: "m1"))
        #expect(answer?.status == 200 && answer?.headers["content-type"] == "application/json; charset=utf-8")
        #expect(answer?.body == #"{"text":"No alert fires","tmid":"m1","parseUrls":false}"#)
        let threaded = await setup.post(Self.body("!alerts", more: #","tmid":"m0""#))
        #expect(threaded?.body.contains(#""tmid":"m0""#) == true)
        #expect(setup.count("alerts", "done") == 2)
        #expect(setup.bench.log.lines.contains { $0.contains("chat command") && $0.contains("alice") })
        await setup.stop()
    }

    @Test(arguments: [
        (#"{"i":"integration"}"#, ""), ("true", ""), ("null", ""), ("false", #","isEdited":true"#),
    ])
    func messageThatIsNoCommandGetsAnEmptyObject(bot: String, more: String) async throws {
        let setup = try Setup()
        let answer = await setup.post(Self.body("!alerts", bot: bot, more: more))
        #expect(answer?.status == 200 && answer?.body == "{}")
        #expect(setup.alertmanager.requests.isEmpty && setup.count("unknown", "ignored") == 1)
        await setup.stop()
    }

    @Test func repeatedMessageIsCarriedOutOnce() async throws {
        let setup = try Setup()
        let body = Self.body("!alerts", id: "once")
        #expect(await setup.post(body)?.body.contains("No alert") == true)
        #expect(await setup.post(body)?.body == "{}")
        #expect(setup.alertmanager.requests.count == 1)
        await setup.stop()
    }

    @Test func personAndRoomAreChecked() async throws {
        let setup = try Setup {
            $0.chatOps.users = ["bob"]
            $0.chatOps.channels = ["alerts"]
        }
        let denied = await setup.post(Self.body("!silence 2h a=b"))
        #expect(denied?.body.contains("You may not use commands") == true)
        #expect(await setup.post(Self.body("!alerts", user: "bob"))?.body.contains("No alert") == true)
        #expect(setup.count("unknown", "denied") == 1 && setup.alertmanager.requests.count == 1)
        await setup.stop()
    }

    @Test func mistakeAndHelpNeedNoAlertmanager() async throws {
        let setup = try Setup()
        let mistake = await setup.post(Self.body("!silence @all"))
        #expect(mistake?.status == 200 && mistake?.body.contains("is neither") == true)
        #expect(mistake?.body.contains("`@all`") == true || mistake?.body.contains("`\\\"@all\\\"`") == true)
        #expect(await setup.post(Self.body("!help"))?.body.contains("!unsilence 4dfefdc3") == true)
        #expect(setup.alertmanager.requests.isEmpty)
        #expect(setup.count("silence", "invalid") == 1 && setup.count("help", "done") == 1)
        await setup.stop()
    }

    @Test func failureIsCountedAndLoggedWithItsReason() async throws {
        let setup = try Setup(alertmanager: { connection in
            while connection.readRequest() != nil {
                connection.send("HTTP/1.1 400 Bad\r\nContent-Length: 8\r\n\r\n\"reason\"")
            }
        })
        let answer = await setup.post(Self.body("!alerts"))
        #expect(answer?.status == 200 && answer?.body.contains("status 400") == true)
        #expect(setup.count("alerts", "failed") == 1)
        #expect(setup.bench.metrics.chatCommandFailures["clientError"].current == 1)
        #expect(setup.bench.log.lines.contains { $0.hasPrefix("warning chat command") && $0.contains("status 400") })
        await setup.stop()
    }

    // MARK: Refusals

    @Test func withoutATokenTheRouteDoesNotExist() async throws {
        let setup = try Setup { $0.chatOps.tokens = [] }
        let answer = await setup.post(Self.body("!alerts", token: ""))
        #expect(answer?.status == 404)
        await setup.stop()
    }

    @Test func wrongTokenIsRefusedThenDelayed() async throws {
        let setup = try Setup()
        for token in ["abcdefghijklmnopqrstuvwX", "a", Self.token + "x"] {
            let answer = await setup.post(Self.body("!alerts", token: token))
            #expect(answer?.status == 403 && (token == "a" || answer?.body.contains(token) == false))
        }
        var longest = Duration.zero
        for _ in 0..<30 where longest < DelayedRefusals.delay {
            let start = ContinuousClock.now
            #expect(await setup.post(Self.body("!alerts", token: "wrong"))?.status == 403)
            longest = max(longest, ContinuousClock.now - start)
        }
        #expect(longest >= DelayedRefusals.delay)
        #expect(setup.bench.metrics.payloadsRejected["unauthorized"].current > 3)
        #expect(setup.bench.log.lines.allSatisfy { !$0.contains(Self.token) })
        // The right token is not limited.
        #expect(await setup.post(Self.body("!alerts"))?.body.contains("No alert") == true)
        await setup.stop()
    }

    @Test func otherBodiesAreRefused() async throws {
        let setup = try Setup()
        for body in ["nonsense", "[]", "{}", #"{"token":"\#(Self.token)"}"#, #"{"token":7}"#] {
            #expect(await setup.post(Array(body.utf8))?.status == 400)
        }
        #expect(await setup.post(Array(repeating: 0x20, count: 65 * 1024))?.status == 413)
        #expect(await setup.post(Self.body("!alerts"), headers: ["Content-Encoding: gzip"])?.status == 415)
        let get = await setup.bench.get("/rocketchat")
        #expect(get?.status == 405 && get?.headers["allow"] == "POST")
        await setup.stop()
    }

    @Test func networksAreChecked() async throws {
        let setup = try Setup { $0.allowedNetworks = (try? NetworkList(["10.0.0.0/8"])) ?? NetworkList() }
        #expect(await setup.post(Self.body("!alerts"))?.status == 403)
        #expect(setup.bench.metrics.payloadsRejected["forbidden"].current == 1)
        await setup.stop()
    }

    // MARK: Load

    @Test func drainingRelayAnswersInWords() async throws {
        let setup = try Setup()
        setup.bench.listener.isDraining = true
        let answer = await setup.post(Self.body("!alerts"))
        #expect(answer?.status == 200 && answer?.body.contains("shutting down") == true)
        setup.bench.listener.isDraining = false
        await setup.stop()
    }

    /// Alertmanager hangs: the loop goes on, and every command is answered within its time.
    @Test func commandsOfAHangingAlertmanagerEndInTime() async throws {
        let setup = try Setup(change: { $0.limits.replyTimeout = .seconds(3) }, alertmanager: { $0.hang() })
        let port = setup.bench.port
        async let answers = withTaskGroup(of: String.self, returning: [String].self) { group in
            for number in 0..<20 {
                group.addTask {
                    let body = Self.body("!alerts", user: "user\(number)")
                    return await offLoop { Client.request("POST", "/rocketchat", port: port, body: body)?.body ?? "" }
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        try await setup.bench.wait { setup.count("alerts", "busy") > 0 }
        #expect(await setup.bench.post(warningBody("A"))?.status == 200)
        let all = await answers
        #expect(all.filter { $0.contains("Too many commands are waiting") }.count == 4, "\(all)")
        #expect(all.filter { $0.contains("does not answer in time") }.count == 16)
        await setup.stop()
    }

    @Test func reloadChangesTokens() async throws {
        let setup = try Setup()
        var configuration = RelayConfiguration()
        configuration.chatOps.tokens = [Secret("a-new-token-0123456789abc")]
        configuration.alertmanager.addresses = ["http://127.0.0.1:\(setup.alertmanager.port)"]
        setup.bench.listener.reconfigure(configuration, router: .init([], numbers: [:]))
        #expect(await setup.post(Self.body("!help"))?.status == 403)
        #expect(await setup.post(Self.body("!help", token: "a-new-token-0123456789abc"))?.status == 200)
        setup.bench.listener.reconfigure(RelayConfiguration(), router: .init([], numbers: [:]))
        #expect(await setup.post(Self.body("!help"))?.status == 404)
        await setup.stop()
    }
}
