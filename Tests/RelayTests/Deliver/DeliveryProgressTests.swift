import Testing

@testable import Relay

@Suite struct DeliveryProgressTests {
    private static let transient = DeliveryOutcome.retry(.network, maybeDelivered: false, detail: "")
    private static let ambiguous = DeliveryOutcome.retry(.timeout, maybeDelivered: true, detail: "")
    private static let suspicious = DeliveryOutcome.suspicious(.serverError, detail: "")
    private static let misconfigured = DeliveryOutcome.misconfigured(.authError, detail: "")
    private static let unknown = DeliveryOutcome.unknown(.clientError, maybeDelivered: false, detail: "")

    private var random = SeededGenerator(seed: 1)
    private var progress = DeliveryProgress(policy: RetryPolicy())

    private mutating func take(_ outcome: DeliveryOutcome) -> DeliveryProgress.Action {
        progress.take(outcome, using: &random)
    }

    private mutating func take(_ outcome: DeliveryOutcome, times: Int) -> [DeliveryProgress.Action] {
        (0..<times).map { _ in take(outcome) }
    }

    private static func isRetry(_ action: DeliveryProgress.Action) -> Bool {
        if case .retry = action { true } else { false }
    }

    @Test mutating func aDeliveryIsSettledWithItsReceipt() {
        let receipt = DeliveryReceipt(posted: [.init(channel: "#a", messageID: "x")])
        #expect(take(.delivered(receipt)) == .settle(receipt))
        #expect(progress.attempt == 1)
    }

    @Test mutating func transientFailuresAreRetriedForeverWithinTheGrowingCeiling() {
        for retry in 1...200 {
            guard case .retry(let wait) = take(Self.transient) else {
                Issue.record("gave up at retry \(retry)")
                return
            }
            #expect(wait <= progress.policy.ceiling(ofRetry: retry))
            #expect(progress.attempt == retry + 1)
        }
    }

    @Test mutating func aRateLimitIsNoAttemptAndDoesNotRaiseTheBackoff() {
        for _ in 0..<50 {
            #expect(take(.rateLimited(wait: .seconds(28))) == .pause(.seconds(28)))
        }
        #expect(progress.attempt == 1)
        guard case .retry(let wait) = take(Self.transient) else {
            Issue.record("no retry")
            return
        }
        #expect(wait <= .milliseconds(500))
    }

    @Test mutating func attemptsThatMayHavePostedAreCounted() {
        _ = take(Self.ambiguous, times: 3)
        _ = take(Self.transient, times: 2)
        _ = take(.unknown(.badResponse, maybeDelivered: true, detail: ""))
        #expect(progress.maybeDelivered == 4)
    }

    @Test mutating func aBrokenHookIsAlarmedAboutAndTriedSlowlyForever() {
        #expect(take(Self.misconfigured, times: 100).allSatisfy { $0 == .alarm(retryAfter: .seconds(60)) })
    }

    @Test mutating func suspicionBecomesAnAlarmWhenItStays() {
        let first = take(Self.suspicious, times: 4)
        #expect(first.allSatisfy(Self.isRetry))
        #expect(take(Self.suspicious, times: 3).allSatisfy { $0 == .alarm(retryAfter: .seconds(60)) })
    }

    @Test mutating func anythingElseInBetweenEndsTheSuspicion() {
        for _ in 0..<10 {
            #expect(take(Self.suspicious, times: 4).allSatisfy(Self.isRetry))
            _ = take(Self.transient)
        }
    }

    @Test mutating func whatNobodyUnderstandsIsGivenUpAfterAFewAttempts() {
        #expect(take(Self.unknown, times: 4).allSatisfy(Self.isRetry))
        #expect(take(Self.unknown) == .deadLetter(.unknownAnswer))
        #expect(progress.attempt == 6)
    }

    @Test(arguments: [Fix.resplit, .neutraliseMentions])
    mutating func eachFormIsSentOnceAndPlainTextLast(fix: Fix) {
        #expect(take(.fixable(fix, detail: "")) == .resend(fix))
        #expect(take(.fixable(fix, detail: "")) == .resend(.plainText))
        #expect(take(.fixable(fix, detail: "")) == .deadLetter(.refused))
    }

    @Test mutating func plainTextThatIsRefusedIsGivenUp() {
        #expect(take(.fixable(.plainText, detail: "")) == .resend(.plainText))
        #expect(take(.fixable(.plainText, detail: "")) == .deadLetter(.refused))
    }

    @Test mutating func differentFixesFollowEachOther() {
        #expect(take(.fixable(.resplit, detail: "")) == .resend(.resplit))
        #expect(take(.fixable(.neutraliseMentions, detail: "")) == .resend(.neutraliseMentions))
        #expect(take(.fixable(.plainText, detail: "")) == .resend(.plainText))
        #expect(take(.fixable(.resplit, detail: "")) == .deadLetter(.refused))
    }
}
