import DeliveryCore
import TestSupport
import Testing

@testable import Alerts
@testable import Posting
@testable import Relay
@testable import RocketChat

@Suite struct HookClientTests {
    private func report(_ answer: DeliveryResult) throws -> PostReport {
        let hook = try HookURL("https://chat.example.com/hooks/id/token")
        let route = QueueSettings.Route(
            hook: hook, room: "warning", target: RocketChatTarget(hook: hook, settings: RenderSettings()),
            posting: DelivererSettings())
        return HookClient(route, abort: DeliveryAbort()).report(answer)
    }

    private func report(_ status: Int, _ body: String = "", _ change: (inout HookResponse) -> Void = { _ in }) throws
        -> PostReport
    {
        var answer = HookResponse(status: status, contentType: "application/json", body: Array(body.utf8))
        change(&answer)
        return try report(.success(answer))
    }

    private static func refusal(_ error: String) -> String { #"{"success":false,"error":"\#(error)"}"# }

    // MARK: Results

    @Test(arguments: [
        (200, #"{"success":true}"#, PostResult.delivered(messageID: nil)),
        (200, #"{"success":true,"responses":[{"message":{"_id":"x"}}]}"#, .delivered(messageID: "x")),
        (
            200, #"{"success":true,"responses":[{"message":{"_id":"x"}},{"message":{"_id":"y"}}]}"#,
            .delivered(messageID: "x")
        ),
        (500, "", .failed(maybeDelivered: false, reachedServer: true)),
        (502, "", .failed(maybeDelivered: true, reachedServer: true)),
        (500, "Internal Server Error", .suspicious), (404, "", .hookBroken), (413, "", .refused(.smaller)),
        (400, refusal("error-action-not-allowed"), .refused(.plainText)),
        (400, refusal("Invalid attachment field"), .refused(.plainText)),
        (400, refusal("error-message-size-exceeded"), .refused(.smaller)),
        (400, refusal("something new"), .refused(nil)),
        (200, #"{"success":tr"#, .failed(maybeDelivered: true, reachedServer: true)),
        (429, "", .throttled(.seconds(60))),
        (429, refusal("error-too-many-requests. You must wait 28 seconds before"), .throttled(.seconds(28))),
    ])
    func everyAnswerHasItsResult(status: Int, body: String, result: PostResult) throws {
        let report = try report(status, body)
        #expect(report.result == result && report.pause == nil)
        #expect((report.outcome?.reason == nil) == (status == 200 && body.contains("true")))
    }

    @Test func failureCostsBudgetOnlyIfItReachedTheServer() throws {
        for sentRequest in [false, true] {
            let failure = TransportFailure(kind: .reset, sentRequest: sentRequest, message: "reset")
            let report = try report(.failure(failure))
            #expect(report.result == .failed(maybeDelivered: sentRequest, reachedServer: sentRequest))
            #expect(report.outcome?.detail == "reset" && report.pause == nil)
        }
        let certificate = TransportFailure(kind: .certificate, sentRequest: false, message: "expired")
        #expect(try report(.failure(certificate)).result == .hookBroken)
    }

    @Test func brokenConnectionMayHaveDelivered() throws {
        let partial = HookResponse(status: 200, body: Array(#"{"success":true}"#.utf8))
        let failure = TransportFailure(kind: .reset, sentRequest: true, message: "reset", partialResponse: partial)
        #expect(try report(.failure(failure)).result == .delivered(messageID: nil))
    }

    /// The mapping of outcomes, without the responses that lead to them.
    @Test func everyOutcomeHasItsResult() {
        func result(_ outcome: DeliveryOutcome) -> PostResult { outcome.result(reachedServer: false) }
        let posted = [DeliveryReceipt.Posted(messageID: "a"), .init(messageID: "b")]
        #expect(result(.delivered(DeliveryReceipt(posted: posted))) == .delivered(messageID: "a"))
        #expect(result(.rateLimited(wait: .milliseconds(1_500))) == .throttled(.milliseconds(1_500)))
        for maybe in [false, true] {
            #expect(
                result(.retry(.timeout, maybeDelivered: maybe, detail: ""))
                    == .failed(maybeDelivered: maybe, reachedServer: false))
        }
        #expect(result(.suspicious(.serverError, detail: "")) == .suspicious)
        #expect(result(.misconfigured(.authError, detail: "")) == .hookBroken)
        let fixes = Fix.allCases.map { result(.fixable($0, detail: "")) }
        #expect(fixes == [.refused(.smaller), .refused(.plainText), .refused(.plainText)])
        #expect(
            result(.unknown(.badResponse, maybeDelivered: true, detail: ""))
                == .failed(maybeDelivered: true, reachedServer: false))
        #expect(result(.unknown(.clientError, maybeDelivered: false, detail: "")) == .refused(nil))
    }

    // MARK: Pauses

    @Test func spentBudgetPausesTheHook() throws {
        let now = Timestamp.now()
        let report = try report(200, #"{"success":true}"#) { answer in
            answer.rateLimit.remaining = "0"
            answer.rateLimit.reset = "\(now.advanced(bySeconds: 40).seconds * 1000)"
        }
        #expect(report.result == .delivered(messageID: nil))
        let pause = try #require(report.pause)
        #expect(pause > .seconds(30) && pause <= .seconds(40))
    }

    @Test func retryAfterOf503PausesTheHook() throws {
        let report = try report(503) { $0.retryAfter = "17" }
        #expect(report.result == .failed(maybeDelivered: false, reachedServer: true))
        #expect(report.pause == .seconds(17))
    }

    /// The wait of a 429 is part of its result.
    @Test func throttlingPausesOnce() throws {
        let report = try report(429) { answer in
            answer.retryAfter = "17"
            answer.rateLimit.remaining = "0"
            answer.rateLimit.reset = "\(Timestamp.now().advanced(bySeconds: 40).seconds * 1000)"
        }
        #expect(report.result == .throttled(.seconds(17)) && report.pause == nil)
    }
}
