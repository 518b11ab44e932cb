import Testing

@testable import MockRocketChat

@Suite
struct FaultTests {
    private func fault(_ text: String) throws -> Fault { try Fault(try json(text)) }

    @Test func statusWithoutModeIsAReply() throws {
        let fault = try fault(#"{"hook":"info","status":503,"headers":{"Retry-After":"5"},"times":2}"#)
        #expect(fault.hook == "info" && fault.mode == .reply && fault.timesLeft == 2 && !fault.records)
        guard case .reply(let reply) = fault.effect(url: "h/p", now: 0) else {
            Issue.record("no reply")
            return
        }
        #expect(reply.status == 503 && reply.header("Retry-After") == "5")
        #expect(reply.header("Content-Type") == "text/html")
    }

    @Test(arguments: [
        #"{"mode":"nonsense"}"#, #"{"stauts":503}"#, #"{"status":"503"}"#, #"{"limiter":{"calls":1}}"#,
        #"{"integration":{"room":"nowhere"}}"#, #"{"integration":{"script":"x"}}"#, "[]", #"{"headers":{"a":1}}"#,
    ])
    func aMisspeltFaultIsRefused(text: String) {
        #expect(throws: FaultError.self) { try fault(text) }
    }

    @Test func limiterAndIntegrationAreParsed() throws {
        let fault = try fault(
            ##"""
            {"limiter":{"max":3,"windowMs":500,"mode":"enforced"},
             "integration":{"known":false,"room":"readOnly","rooms":{"#a":"muted"},"script":{"error":"x"}}}
            """##)
        #expect(fault.limit == RateLimiter.Limit(calls: 3, window: 500, mode: .enforced))
        #expect(!fault.integration.isKnown && fault.integration.room == .readOnly)
        #expect(fault.integration.rooms == ["#a": .muted] && fault.integration.script == .error("x"))
        #expect(fault.records)
    }

    @Test func faultEndsAfterItsTimes() throws {
        var table = FaultTable()
        table.put(try fault(#"{"hook":"a","mode":"reset","times":2}"#))
        #expect((0..<3).map { _ in table.take(hook: "a").mode } == [.reset, .reset, .normal])
    }

    @Test func hooksOwnFaultPrecedesTheGeneralOne() throws {
        var table = FaultTable()
        table.put(try fault(#"{"mode":"hang"}"#))
        table.put(try fault(#"{"hook":"a","mode":"reset","times":1}"#))
        #expect(table.take(hook: "b").mode == .hang)
        #expect(table.take(hook: "a").mode == .reset)
        #expect(table.take(hook: "a").mode == .hang)
    }

    @Test func faultForATextIgnoresOtherRequests() throws {
        var table = FaultTable()
        table.put(try fault(#"{"containing":"Poison","mode":"reset","times":1}"#))
        #expect(table.take(hook: "a", body: Array("{}".utf8)).mode == .normal)
        #expect(table.take(hook: "a", body: Array("Poiso".utf8)).mode == .normal)
        #expect(table.take(hook: "a", body: Array("{\"text\":\"Poison\"}".utf8)).mode == .reset)
        #expect(table.take(hook: "a", body: Array("Poison".utf8)).mode == .normal, "it has healed")
    }

    @Test func laterFaultReplacesTheOneForTheSameHook() throws {
        var table = FaultTable()
        table.put(try fault(#"{"hook":"a","mode":"hang"}"#))
        table.put(try fault(#"{"hook":"a","mode":"reset","times":5}"#))
        _ = table.take(hook: "a")
        #expect(String(decoding: table.listing.bytes, as: UTF8.self) == #"[{"hook":"a","mode":"reset","times":4}]"#)
    }

    @Test func latencyMayGrow() throws {
        var table = FaultTable()
        table.put(try fault(#"{"delayMs":10,"growMs":5}"#))
        #expect((0..<3).map { _ in table.take(hook: "a").delay } == [10, 15, 20])
    }

    @Test(arguments: Fault.Mode.allCases)
    func everyModeHasItsEffect(mode: Fault.Mode) throws {
        let fault = try fault("{\"mode\":\"\(mode.rawValue)\",\"bytes\":10}")
        let effect = fault.effect(url: "host/hooks/a/b", now: 0)
        switch mode {
        case .reset, .recordThenReset: #expect(effect == .reset)
        case .hang, .recordThenHang: #expect(effect == .hang)
        case .close, .recordThenClose: #expect(effect == .close)
        case .normal, .lateSuccess: #expect(effect == .genuine(.plain))
        case .redirect: #expect(effect.status == 302)
        case .databaseFailure: #expect(effect.status == 400)
        case .proxyRateLimit, .proxyRateLimitDate: #expect(effect.status == 429)
        default: break
        }
        #expect(mode.rawValue.hasPrefix("record") ? fault.records : true)
    }

    @Test func retryAfterIsADateOrSeconds() throws {
        guard case .reply(let dated) = try fault(#"{"mode":"proxyRateLimitDate"}"#).effect(url: "", now: 784_111_775),
            case .reply(let plain) = try fault(#"{"mode":"proxyRateLimit","retryAfter":7}"#).effect(url: "", now: 0)
        else {
            Issue.record("no reply")
            return
        }
        #expect(dated.header("Retry-After") == "Sun, 06 Nov 1994 08:49:37 GMT")
        #expect(plain.header("Retry-After") == "7")
    }

    @Test(arguments: [
        ("/hooks/a/b", Route.hook(id: "a", token: "b")), ("/hooks/a/user/b", .hook(id: "a", token: "b")),
        ("/hooks/a", .wrongHookPath), ("/hooks/a/", .wrongHookPath), ("/hooks/a/b/c/d", .wrongHookPath),
        ("/hooks", .wrongHookPath), ("/hook/a/b", .outside), ("/", .page), ("/messages", .messages),
        ("/messages/count", .messageCount), ("/faults", .faults), ("/health", .health), ("/messagesx", .outside),
    ])
    func pathsAreRouted(path: String, route: Route) {
        #expect(Route(path: path) == route)
    }
}
