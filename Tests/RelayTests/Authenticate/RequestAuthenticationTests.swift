import Dispatch
import Libevent
import Testing

@testable import Relay

@Suite struct RequestAuthenticationTests {
    private static let grace = Secret("grace:$2y$04$sJQmUvBZXwnZelRh/fSx8uAPJMAY3TGjfdnJSFp0SO4Ma8icGJKyC")
    private static let right = "Basic Z3JhY2U6Y29ycmVjdCBob3JzZTpiYXR0ZXJ5"
    /// grace:wrong, and mallory:wrong.
    private static let wrong = ["Basic Z3JhY2U6d3Jvbmc=", "Basic bWFsbG9yeTp3cm9uZw=="]

    private static func client(_ text: String = "192.0.2.1") -> ClientAddress {
        ClientAddress(IPAddress(text))
    }

    @LoopActor
    private static func make(
        tokens: [String] = [], users: [Secret] = [grace], limit: Int = 3, waitingLimit: Int = 16,
        queue: DispatchQueue = DispatchQueue(label: "test"), clock: TestClock = TestClock()
    ) throws -> RequestAuthentication {
        RequestAuthentication(
            bearer: BearerAuthentication(tokens: tokens.map { Secret($0) }),
            basic: try BasicAuthentication(users, waitingLimit: waitingLimit, queue: queue),
            failures: FailedAuthentications(limit: limit), now: { clock.now })
    }

    @Test @LoopActor func withNothingConfiguredAllComeIn() async throws {
        let authentication = try Self.make(users: [])
        #expect(await authentication.verdict(nil) == .admitted)
        #expect(await authentication.verdict("Bearer anything") == .admitted)
        #expect(authentication.challenges.isEmpty)
    }

    @Test(
        arguments: [
            (nil, .refused), ("Bearer token", .refused), (right, .admitted), (wrong[0], .refused), (wrong[1], .refused),
            ("Basic junk", .refused),
        ] as [(String?, RequestAuthentication.Verdict)])
    @LoopActor func withUsersAloneNoTokenIsLetIn(
        field: String?, verdict: RequestAuthentication.Verdict
    ) async throws {
        let authentication = try Self.make()
        #expect(await authentication.verdict(field) == verdict)
        #expect(authentication.challenges == ["Basic realm=\"relay\", charset=\"UTF-8\""])
    }

    @Test(
        arguments: [
            (nil, .refused), ("Bearer token", .admitted), ("Bearer wrong", .refused), (right, .refused),
        ] as [(String?, RequestAuthentication.Verdict)])
    @LoopActor func withTokensAloneNoUserIsLetIn(
        field: String?, verdict: RequestAuthentication.Verdict
    ) async throws {
        let authentication = try Self.make(tokens: ["token"], users: [])
        #expect(await authentication.verdict(field) == verdict)
        #expect(authentication.challenges == ["Bearer realm=\"relay\""])
    }

    @Test @LoopActor func withBothEitherWillDo() async throws {
        let authentication = try Self.make(tokens: ["token"])
        #expect(await authentication.verdict("Bearer token") == .admitted)
        #expect(await authentication.verdict(Self.right) == .admitted)
        #expect(await authentication.verdict(nil) == .refused)
        #expect(authentication.challenges.count == 2)
    }

    @Test @LoopActor func whoFailsTooOftenIsToldToComeAgainAndMayThen() async throws {
        let clock = TestClock()
        let authentication = try Self.make(clock: clock)
        for number in 0..<3 { #expect(await authentication.verdict(Self.wrong[number % 2]) == .refused) }
        #expect(await authentication.verdict(Self.wrong[0]) == .limited(retryAfter: .seconds(20)))
        // Right, but not proven yet.
        #expect(await authentication.verdict(Self.right) == .limited(retryAfter: .seconds(20)))
        #expect(await authentication.verdict(Self.right, from: "192.0.2.2") == .admitted)
        clock.advance(by: .seconds(20))
        #expect(await authentication.verdict(Self.wrong[0]) == .refused)
        #expect(await authentication.verdict(Self.wrong[0]) == .limited(retryAfter: .seconds(20)))
    }

    @Test @LoopActor func provenCredentialsPassAtAnAddressWhereOthersFail() async throws {
        let authentication = try Self.make(tokens: ["token"])
        #expect(await authentication.verdict(Self.right) == .admitted)
        for _ in 0..<3 { #expect(await authentication.verdict(Self.wrong[0]) == .refused) }
        #expect(await authentication.verdict(Self.wrong[0]) == .limited(retryAfter: .seconds(20)))
        #expect(await authentication.verdict(Self.right) == .admitted)
        #expect(await authentication.verdict("Bearer token") == .admitted)
    }

    @Test @LoopActor func aGuesserElsewhereLearnsNothingOfWhatIsProven() async throws {
        let authentication = try Self.make()
        #expect(await authentication.verdict(Self.right) == .admitted)
        for _ in 0..<3 { #expect(await authentication.verdict(Self.wrong[0], from: "192.0.2.9") == .refused) }
        for field in [Self.wrong[0], Self.right] {
            #expect(await authentication.verdict(field, from: "192.0.2.9") == .limited(retryAfter: .seconds(20)))
        }
    }

    @Test @LoopActor func wrongTokensAndMissingOrDamagedCredentialsSpendNothing() async throws {
        let authentication = try Self.make(tokens: ["token"], limit: 1)
        for field in [nil, "Bearer wrong", "Basic junk", "Basic YTo="] {
            for _ in 0..<5 { #expect(await authentication.verdict(field) == .refused) }
        }
        #expect(await authentication.verdict(Self.right) == .admitted)
    }

    @Test @LoopActor func manyAtOnceAreLimitedBeforeTheFirstHasFailed() async throws {
        let queue = DispatchQueue(label: "held")
        let authentication = try Self.make(queue: queue)
        queue.suspend()
        for _ in 0..<3 { authentication.authenticate(authorization: Self.wrong[0], client: Self.client()) { _ in } }
        #expect(await authentication.verdict(Self.right) == .limited(retryAfter: .seconds(20)))
        queue.resume()
    }

    @Test @LoopActor func whatWasNotCheckedIsNotCounted() async throws {
        let queue = DispatchQueue(label: "held")
        let authentication = try Self.make(limit: 2, waitingLimit: 1, queue: queue)
        queue.suspend()
        authentication.authenticate(authorization: Self.wrong[0], client: Self.client()) { _ in }
        for _ in 0..<5 { #expect(await authentication.verdict(Self.right) == .busy) }
        queue.resume()
    }

    @Test @LoopActor func afterAReloadOldProofsAreWorthNothingAndFailuresStillCount() async throws {
        let authentication = try Self.make()
        #expect(await authentication.verdict(Self.right) == .admitted)
        for _ in 0..<3 { #expect(await authentication.verdict(Self.wrong[0]) == .refused) }
        authentication.reconfigure(
            bearer: BearerAuthentication(tokens: []), basic: try BasicAuthentication([Self.grace]))
        #expect(await authentication.verdict(Self.right) == .limited(retryAfter: .seconds(20)))
        #expect(await authentication.verdict(Self.right, from: "192.0.2.2") == .admitted)
        authentication.reconfigure(
            bearer: BearerAuthentication(tokens: [Secret("token")]), basic: try BasicAuthentication([]))
        #expect(await authentication.verdict(Self.right, from: "192.0.2.2") == .refused)
    }
}

/// Stands still until it is told.
private final class TestClock: Sendable {
    private let instant = Locked(ContinuousClock.now)

    var now: ContinuousClock.Instant { instant.withLock { $0 } }

    func advance(by duration: Duration) {
        instant.withLock { $0 += duration }
    }
}

extension RequestAuthentication {
    fileprivate func verdict(_ authorization: String?, from address: String = "192.0.2.1") async -> Verdict {
        await withCheckedContinuation { continuation in
            authenticate(authorization: authorization, client: ClientAddress(IPAddress(address))) {
                continuation.resume(returning: $0)
            }
        }
    }
}
