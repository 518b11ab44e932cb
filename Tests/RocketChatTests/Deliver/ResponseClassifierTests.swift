import Testing

@testable import Alerts
@testable import Posting
@testable import RocketChat

@Suite struct ResponseClassifierTests {
    private static let token = "tokenTokenTokenToken0123456789"
    private let classifier: ResponseClassifier
    private let now = Timestamp(seconds: 1_700_000_000, nanoseconds: 0)

    init() throws {
        classifier = ResponseClassifier(hook: try HookURL("https://chat.example.com/hooks/abcd/\(Self.token)"))
    }

    private func outcome(_ status: Int, _ body: String) -> DeliveryOutcome {
        classifier.outcome(of: .success(HookResponse(status: status, body: Array(body.utf8))), now: now)
    }

    // MARK: - Every status with every body

    /// The statuses whose class does not depend on the body.
    private static let byStatus: [Int: OutcomeClass] = [
        408: .transient, 413: .resplit, 425: .transient, 429: .rateLimited,
    ]
    /// The statuses of 400...499 that state their cause without the body. With others, a response of Rocket.Chat is
    /// unknown, and a response of another server means that the hook is wrong.
    private static let broken: Set = [401, 403, 404, 405, 407, 410]

    private static func expected(_ status: Int, _ shape: AnswerShape) -> OutcomeClass {
        if let fixed = byStatus[status] { return fixed }
        switch (status, shape.name) {
        case (200...299, "success"): return .delivered
        case (200...299, "truncated"), (200...299, "two objects"): return .unknownMaybe
        case (200...299, "disabled, object"): return .unknown
        case (200...299, _) where AnswerShape.strange.contains { $0.name == shape.name }: return .unknown
        case (200...299, _): return shape.known ?? .misconfigured
        case (400...499, _) where shape.known != nil: return shape.known ?? .unknown
        case (400...499, _) where broken.contains(status): return .misconfigured
        case (400...499, "success"), (400...499, "disabled, object"): return .unknown
        case (400...499, _):
            return AnswerShape.strange.contains { $0.name == shape.name } ? .unknown : .misconfigured
        case (500, "bare internal error"): return .suspicious
        case (503, "disabled, string"), (503, "disabled, object"): return .misconfigured
        case (500, _), (503, _): return .transient
        case (500...599, _): return .transientMaybe
        default: return .misconfigured
        }
    }

    @Test(arguments: 100...599)
    func everyBodyUnderThisStatusHasItsClass(status: Int) {
        for shape in AnswerShape.all {
            let found = OutcomeClass(outcome(status, shape.body))
            let wanted = Self.expected(status, shape)
            #expect(found == wanted, "HTTP \(status) with \(shape)")
        }
    }

    @Test(arguments: [
        (200, "", FailureReason.badResponse), (302, "", .badResponse), (400, "", .clientError), (401, "", .authError),
        (403, "", .authError), (404, "", .clientError), (408, "", .timeout), (413, "", .clientError),
        (429, "", .rateLimited), (500, "", .serverError), (502, "", .serverError),
        (404, #"{"success":false,"error":"Invalid integration id or token provided."}"#, .authError),
    ])
    func everyFailureHasAReasonForItsMetric(status: Int, body: String, reason: FailureReason) {
        #expect(outcome(status, body).reason == reason)
    }

    @Test func truncatedBodyIsNoProofOfDelivery() {
        let whole = Array(#"{"success":true}"#.utf8)
        let cut = HookResponse(status: 200, body: whole, isBodyCut: true)
        #expect(OutcomeClass(classifier.outcome(of: .success(cut), now: now)) == .unknownMaybe)
        let page = HookResponse(status: 200, body: Array("<html>".utf8), isBodyCut: true)
        #expect(OutcomeClass(classifier.outcome(of: .success(page), now: now)) == .misconfigured)
    }

    // MARK: - Details of a response

    @Test func theMessagesAndRefusalsOfEachRoomAreKept() {
        let body = """
            {"responses":[{"channel":"#general","message":{"_id":"7rZ","md":[{"type":"PARAGRAPH"}]}},
            {"channel":"#x","error":"error-not-allowed"}],"success":true}
            """
        let receipt = DeliveryReceipt(
            posted: [.init(channel: "#general", messageID: "7rZ")],
            refused: [.init(channel: "#x", error: "error-not-allowed")])
        #expect(outcome(200, body) == .delivered(receipt))
    }

    /// If IDs are requested, Rocket.Chat returns the message with its parsed text.
    @Test func aLargeSuccessIsADelivery() {
        let text = String(repeating: #"{"type":"PLAIN_TEXT","value":"x"},"#, count: 20_000)
        let body = ##"{"responses":[{"channel":"#a","message":{"_id":"7rZ","md":[\##(text)0]}}],"success":true}"##
        #expect(outcome(200, body) == .delivered(DeliveryReceipt(posted: [.init(channel: "#a", messageID: "7rZ")])))
    }

    @Test func byteOrderMarkIsIgnored() {
        #expect(outcome(200, "\u{FEFF}{\"success\":true}") == .delivered(.init()))
        #expect(OutcomeClass(outcome(200, "\u{FEFF}{\"success\":tr")) == .unknownMaybe)
    }

    @Test func fieldsAddedByAScriptAreIgnored() {
        #expect(outcome(200, #"{"text":"x","responses":3,"error":"y","success":true}"#) == .delivered(.init()))
    }

    @Test func aDetailIsOneShortLineWithoutTheToken() throws {
        let page = #"{"error":"No resource \#r\#n hooks/abcd/\#(Self.token) \#(String(repeating: "x", count: 999))"}"#
        let escaped = page.replacing("\r\n", with: "\\r\\n")
        guard case .misconfigured(_, let detail) = outcome(404, escaped) else {
            Issue.record("not misconfigured")
            return
        }
        #expect(detail.hasPrefix("HTTP 404: No resource"))
        #expect(!detail.contains(Self.token) && !detail.contains("\n") && detail.count <= 201)
    }

    // MARK: - Without a response

    @Test(arguments: TransportFailure.Kind.allCases, [false, true])
    func everyTransportFailureHasItsClass(kind: TransportFailure.Kind, sentRequest: Bool) {
        let failure = TransportFailure(kind: kind, sentRequest: sentRequest, message: "why")
        let permanent: [TransportFailure.Kind] = [.certificate, .url, .proxy]
        let wanted: OutcomeClass =
            permanent.contains(kind) ? .misconfigured : sentRequest ? .transientMaybe : .transient
        let found = classifier.outcome(of: .failure(failure), now: now)
        #expect(OutcomeClass(found) == wanted)
        let reasons: [TransportFailure.Kind: FailureReason] = [
            .timeout: .timeout, .badResponse: .badResponse, .url: .clientError, .proxy: .authError,
        ]
        #expect(found.reason == reasons[kind] ?? .network)
    }

    @Test func aWholeSuccessBeforeTheConnectionBrokeIsADelivery() {
        let partial = HookResponse(status: 200, body: Array(#"{"success":true}"#.utf8))
        let failure = TransportFailure(kind: .reset, sentRequest: true, message: "", partialResponse: partial)
        #expect(classifier.outcome(of: .failure(failure), now: now) == .delivered(.init()))
    }

    @Test func truncatedSuccessBeforeTheConnectionBrokeIsNoDelivery() {
        let partial = HookResponse(status: 200, body: Array(#"{"success":true"#.utf8))
        let failure = TransportFailure(kind: .badResponse, sentRequest: true, message: "", partialResponse: partial)
        #expect(OutcomeClass(classifier.outcome(of: .failure(failure), now: now)) == .transientMaybe)
    }
}
