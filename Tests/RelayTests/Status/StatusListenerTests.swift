import Libevent
import TestSupport
import Testing

@testable import Alerts
@testable import Journaling
@testable import Relay
@testable import Support

/// The routes of the status page on a listener: who may see it, what it shows, what it changes.
@Suite(.timeLimit(.minutes(1))) @LoopActor struct StatusListenerTests {
    private static let pages = [
        "/", "/status.css", "/status.js", "/api/v1/status", "/api/v1/history", "/api/v1/dead-letters",
    ]
    private nonisolated static let token = "a-token-of-the-status-page"

    private func bench(_ access: StatusAccess = .authenticated, hasToken: Bool = true) throws -> ListenerBench {
        try ListenerBench {
            $0.statusPage = access
            if hasToken { $0.authTokens = [Secret(Self.token)] }
        }
    }

    private func get(_ path: String, _ bench: ListenerBench, _ headers: String...) async -> Client.Answer? {
        let port = bench.port
        return await offLoop { Client.request("GET", path, port: port, headers: headers) }
    }

    private func post(
        _ path: String, _ bench: ListenerBench, _ body: String, _ headers: String...
    ) async -> Client.Answer? {
        let port = bench.port
        return await offLoop { Client.request("POST", path, port: port, headers: headers, body: Array(body.utf8)) }
    }

    private nonisolated static func basic(_ password: String, user: String = "ops") -> String {
        "Authorization: Basic \(base64(Array("\(user):\(password)".utf8)))"
    }
    private nonisolated static let form = "Content-Type: application/x-www-form-urlencoded"

    // MARK: Access

    @Test func pagesNeedTheCredentialsOfWebhooks() async throws {
        let bench = try bench()
        for path in Self.pages {
            let refused = await get(path, bench)
            #expect(refused?.status == 401 && refused?.headers["www-authenticate"]?.hasPrefix("Basic") == true)
            #expect(await get(path, bench, Self.basic("wrong"))?.status == 401)
            #expect(await get(path, bench, Self.basic(Self.token, user: ""))?.status == 200, "\(path)")
            #expect(await get(path, bench, "Authorization: Bearer \(Self.token)")?.status == 200)
        }
        #expect(await post("/api/v1/render", bench, "{}")?.status == 401)
        #expect(bench.metrics.payloadsRejected["unauthorized"].current == 0, "no webhook was refused")
        #expect(bench.log.lines.contains { $0.contains("status page refused") })
        await bench.stop()
    }

    /// A token as password is for browsers only: Alertmanager sends it as a bearer token.
    @Test func webhooksTakeNoTokenAsPassword() async throws {
        let bench = try bench()
        #expect(await bench.post(warningBody("A"), headers: [Self.basic(Self.token)])?.status == 401)
        await bench.stop()
    }

    @Test func pageWithoutCredentialsIsClosed() async throws {
        let bench = try bench(hasToken: false)
        let refused = await get("/", bench)
        #expect(refused?.status == 403 && refused?.body.contains("RELAY_STATUS_PAGE=open") == true)
        #expect(await get("/", bench, Self.basic("any"))?.status == 403)
        await bench.stop()
    }

    @Test(arguments: [false, true]) func openPageChangesNothingWithoutCredentials(hasToken: Bool) async throws {
        let bench = try bench(.open, hasToken: hasToken)
        #expect(await get("/", bench)?.status == 200)
        let change = await post("/api/v1/dead-letters", bench, "action=drop&id=16&token=", Self.form)
        #expect(change?.status == (hasToken ? 401 : 403))
        #expect(await get("/?sign-in", bench)?.status == (hasToken ? 401 : 403))
        if hasToken { #expect(await get("/", bench, Self.basic("wrong"))?.status == 401) }
        await bench.stop()
    }

    @Test func switchedOffPageDoesNotExist() async throws {
        let bench = try bench(.off)
        for path in Self.pages { #expect(await get(path, bench, Self.basic(Self.token))?.status == 404) }
        #expect(await post("/", bench, "{}")?.body.contains("did you mean /webhook?") == true)
        await bench.stop()
    }

    @Test func allowedNetworksHoldForAnOpenPageToo() async throws {
        let bench = try ListenerBench {
            $0.statusPage = .open
            $0.allowedNetworks = (try? NetworkList(["192.0.2.0/24"])) ?? NetworkList()
        }
        for path in Self.pages { #expect(await get(path, bench)?.status == 403) }
        await bench.stop()
    }

    @Test func reloadAppliesToTheNextRequest() async throws {
        let bench = try bench(.open)
        #expect(await get("/", bench)?.status == 200)
        var configuration = RelayConfiguration()
        configuration.statusPage = .off
        bench.listener.screener.reconfigure(configuration)
        #expect(await get("/", bench)?.status == 404)
        await bench.stop()
    }

    @Test func otherMethodsAreRefused() async throws {
        let bench = try bench(.open)
        let webhook = await post("/", bench, "{}")
        #expect(webhook?.status == 405 && webhook?.headers["allow"] == "GET, HEAD")
        #expect(webhook?.body.contains("webhooks go to /webhook") == true)
        #expect(await get("/api/v1/render", bench)?.headers["allow"] == "POST")
        await bench.stop()
    }

    @Test(arguments: ["history?outcom=expired", "history?q=a&after=1", "history?&=", "dead-letters?before=1.2"])
    func unknownParametersAreRefused(path: String) async throws {
        let bench = try bench(.open)
        let answer = await get("/api/v1/\(path)", bench)
        #expect(answer?.status == 400 && answer?.body.contains("unknown parameter") == true)
        await bench.stop()
    }

    // MARK: The page

    @Test func everyResponseForbidsForeignContent() async throws {
        let bench = try bench(.open)
        for path in Self.pages where path != "/api/v1/history" {
            let answer = await get(path, bench)
            let policy = answer?.headers["content-security-policy"] ?? ""
            #expect(policy.hasPrefix("default-src 'none';") && !policy.contains("unsafe"), "\(path)")
            #expect(policy.contains("frame-ancestors 'none'") && answer?.headers["cache-control"] == "no-store")
            #expect(answer?.headers["x-content-type-options"] == "nosniff")
        }
        let page = try #require(await get("/", bench)?.body)
        for word in ["style=", "<style", "onclick", "javascript:", "src=\"http"] { #expect(!page.contains(word)) }
        await bench.stop()
    }

    @Test func queryTextIsEscaped() async throws {
        let bench = try bench(.open)
        let hostile = FormFields.encoded("\"><script>alert(1)</script>\u{202E}")
        for name in ["q", "room", "done", "after", "since", "before", "outcome"] {
            let page = try #require(await get("/?\(name)=\(hostile)", bench))
            #expect(page.status == 200 && !page.body.contains("<script>") && !page.body.contains("\u{202E}"))
        }
        await bench.stop()
    }

    @Test func statusCountsWhatWaits() async throws {
        let bench = try bench(.open, hasToken: false)
        bench.room.always(RoomServer.http(404, #"{"success":false,"error":"<b>odd</b>"}"#))
        #expect(await bench.post(warningBody("A"))?.status == 200)
        try await bench.wait { bench.room.requests.count >= 1 }
        try await bench.wait { bench.status.status.rooms.contains { $0.state?.isFailure == true } }
        let room = try #require(bench.status.status.rooms.first { $0.name == "warning" })
        #expect(room.hook?.isBroken == true && room.answer?.text.contains("<b>odd</b>") == true)
        #expect(room.answer?.advice != nil && room.lastDelivered == nil)
        let page = try #require(await get("/", bench)?.body)
        #expect(page.contains("&lt;b&gt;odd&lt;/b&gt;") && !page.contains("<b>odd"))
        #expect(bench.status.status.activity.reduce(0) { $0 + $1.accepted } == 1)
        await bench.stop()
    }

    @Test func deliveryIsShown() async throws {
        let bench = try bench(.open, hasToken: false)
        #expect(await bench.post(warningBody("A"))?.status == 200)
        try await bench.waitUntilSettled()
        try await bench.wait { bench.status.status.rooms.contains { $0.lastDelivered != nil } }
        let room = try #require(bench.status.status.rooms.first { $0.name == "warning" })
        #expect(room.answer?.text == "accepted the message" && room.answer?.advice == nil && room.fallback == nil)
        #expect(bench.status.status.activity.reduce(0) { $0 + $1.posts } == 1)
        await bench.stop()
    }

    // MARK: Preview

    @Test func previewDrawsWhatWouldBePosted() async throws {
        let bench = try bench(.open, hasToken: false)
        let body = String(decoding: warningBody("DiskFull"), as: UTF8.self)
        let json = try #require(await post("/api/v1/render", bench, body))
        #expect(json.status == 200 && json.body.hasPrefix(#"{"messages":[{"room":"warning","message":{"#))
        #expect(json.body.contains("DiskFull"))
        let page = try #require(await post("/api/v1/render", bench, "body=" + FormFields.encoded(body), Self.form))
        #expect(page.status == 200 && page.body.contains("class=\"message\"") && page.body.contains("DiskFull"))
        let invalid = await post("/api/v1/render", bench, "nonsense")
        #expect(invalid?.status == 400 && invalid?.body.contains("\"error\"") == true)
        let explained = await post("/api/v1/render", bench, "body=%3Cscript%3E", Self.form)
        #expect(explained?.status == 200 && explained?.body.contains("<script>") == false)
        #expect(bench.script.transactions.isEmpty && bench.room.requests.isEmpty, "nothing is stored or posted")
        await bench.stop()
    }

    @Test func previewIsBounded() async throws {
        let bench = try bench(.open, hasToken: false)
        let large = String(repeating: " ", count: StatusListener.previewLimit + 1)
        #expect(await post("/api/v1/render", bench, large)?.status == 413)
        let larger = String(repeating: " ", count: StatusListener.formLimit + 1)
        #expect(await post("/api/v1/render", bench, larger)?.status == 413)
        let foreign = await post("/api/v1/render", bench, "body=x", Self.form, "Origin: http://evil.example")
        #expect(foreign?.status == 403)
        await bench.stop()
    }

    // MARK: Changes

    @Test(arguments: ["", "token=wrong", "token="]) func changeNeedsTheToken(token: String) async throws {
        let bench = try bench()
        let body = "action=drop&id=16&\(token)"
        #expect(await post("/api/v1/dead-letters", bench, body, Self.basic(Self.token), Self.form)?.status == 403)
        await bench.stop()
    }

    @Test func changeIsMadeOnceWithTheTokenOfThePage() async throws {
        let bench = try bench()
        let proof = Self.basic(Self.token)
        let token = FormGuard.token(authorization: String(proof.dropFirst("Authorization: ".count)))
        #expect(await get("/", bench, proof)?.status == 200)
        let drop = "action=drop&id=16&token=\(token)"
        for foreign in ["Origin: http://evil.example", "Sec-Fetch-Site: cross-site", "Origin: null"] {
            #expect(await post("/api/v1/dead-letters", bench, drop, proof, Self.form, foreign)?.status == 403)
        }
        let others = await post("/api/v1/dead-letters", bench, drop, Self.basic(Self.token, user: "x"), Self.form)
        #expect(others?.status == 403, "the token of other credentials")
        let missing = await post("/api/v1/dead-letters", bench, drop, proof, Self.form, "Origin: http://localhost")
        #expect(missing?.status == 409 && missing?.body.contains("there is no dead letter 16") == true)
        for odd in ["action=purge&id=16", "action=drop", "action=drop&id=x"] {
            let answer = await post("/api/v1/dead-letters", bench, "\(odd)&token=\(token)", proof, Self.form)
            #expect(answer?.status == 400, "\(odd)")
        }
        await bench.stop()
    }

    // MARK: Load

    /// A journal that hangs must not let requests of the page queue up, nor stop webhooks' responses.
    @Test func requestsBeyondTheQueueGet503() async throws {
        let bench = try bench(.open, hasToken: false)
        bench.holdCommits()
        async let webhook = bench.post(warningBody("A"))
        try await bench.wait { bench.script.plan.withLock { $0.isWaiting } }
        let port = bench.port
        var pages: [Task<Client.Answer?, Never>] = []
        for _ in 0..<StatusListener.unprovenLimit + 4 {
            pages.append(Task { await offLoop { Client.request("GET", "/", port: port) } })
        }
        try await bench.wait { bench.metrics.httpRequests["/", "503"].current >= 4 }
        #expect(await get("/-/healthy", bench)?.status == 200)
        bench.releaseCommits()
        var statuses: [Int] = []
        for page in pages {
            let answer = await page.value
            statuses.append(answer?.status ?? 0)
            if answer?.status == 503 { #expect(answer?.headers["retry-after"] == "2") }
        }
        #expect(statuses.filter { $0 == 200 }.count == StatusListener.unprovenLimit)
        #expect(statuses.filter { $0 == 503 }.count == 4)
        #expect(await webhook?.status == 200)
        await bench.stop()
    }
}
