import Dispatch
import Libevent
import Testing

@testable import Relay
@testable import Support

@Suite struct RequestAuthenticationTests {
    private static let grace = Secret("grace:$2y$04$sJQmUvBZXwnZelRh/fSx8uAPJMAY3TGjfdnJSFp0SO4Ma8icGJKyC")
    private static let right = "Basic Z3JhY2U6Y29ycmVjdCBob3JzZTpiYXR0ZXJ5"
    /// grace:wrong, and mallory:wrong.
    private static let wrong = ["Basic Z3JhY2U6d3Jvbmc=", "Basic bWFsbG9yeTp3cm9uZw=="]

    private static func client(_ text: String = "192.0.2.1") -> ClientAddress {
        ClientAddress(IPAddress(text))
    }

    private static let heidi = Secret("heidi:$2y$05$iFA4ZnAwhyf0zXbaDHyMre4/6iMYwomkg0DPYoxRKq0CmBZdSHGte")

    @LoopActor
    private static func make(
        tokens: [String] = [], users: [Secret] = [grace], limit: Int = 3, waitingLimit: Int = 16,
        queue: DispatchQueue = DispatchQueue(label: "test"), clock: TestClock = TestClock()
    ) throws -> RequestAuthentication {
        RequestAuthentication(
            bearer: BearerAuthentication(tokens: tokens.map { Secret($0) }),
            basic: try BasicAuthentication(users, waitingLimit: waitingLimit, queue: queue),
            budget: PasswordBudget(limit: limit), refusals: DelayedRefusals { $1() }, now: { clock.now })
    }

    /// Credentials with a wrong password, different for each number.
    private static func guess(_ number: Int, user: String = "grace") -> String {
        "Basic " + base64(Array("\(user):guess \(number)".utf8))
    }

    @Test @LoopActor func everyRequestIsAdmittedWithoutConfiguration() async throws {
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
    @LoopActor func withUsersOnlyTokensAreRefused(
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
    @LoopActor func withTokensOnlyPasswordsAreRefused(
        field: String?, verdict: RequestAuthentication.Verdict
    ) async throws {
        let authentication = try Self.make(tokens: ["token"], users: [])
        #expect(await authentication.verdict(field) == verdict)
        #expect(authentication.challenges == ["Bearer realm=\"relay\""])
    }

    @Test @LoopActor func withBothSchemesEitherIsAccepted() async throws {
        let authentication = try Self.make(tokens: ["token"])
        #expect(await authentication.verdict("Bearer token") == .admitted)
        #expect(await authentication.verdict(Self.right) == .admitted)
        #expect(await authentication.verdict(nil) == .refused)
        #expect(authentication.challenges.count == 2)
    }

    @Test @LoopActor func repeatedGuessesAreLimitedUntilRetryAfter() async throws {
        let clock = TestClock()
        let authentication = try Self.make(clock: clock)
        for number in 0..<3 { #expect(await authentication.verdict(Self.guess(number)) == .refused) }
        #expect(await authentication.verdict(Self.guess(3)) == .limited(retryAfter: .seconds(20)))
        clock.advance(by: .seconds(20))
        #expect(await authentication.verdict(Self.guess(4)) == .refused)
        #expect(await authentication.verdict(Self.guess(5)) == .limited(retryAfter: .seconds(20)))
    }

    @Test @LoopActor func guessesForOtherUsersAndAddressesSpendOtherBudgets() async throws {
        let authentication = try Self.make(users: [Self.grace, Self.heidi], limit: 2)
        for number in 0..<50 {
            _ = await authentication.verdict(Self.guess(number, user: "heidi"))
            _ = await authentication.verdict(Self.guess(number, user: "nobody"))
            _ = await authentication.verdict(Self.guess(number, user: "nobody \(number)"))
            _ = await authentication.verdict(Self.guess(number), from: "192.0.2.9")
        }
        #expect(await authentication.verdict(Self.right) == .admitted)
    }

    @Test @LoopActor func returningSenderIsCheckedDespiteGuessesFromItsAddress() async throws {
        let clock = TestClock()
        let authentication = try Self.make(clock: clock)
        var guesses = 0
        func guessMany() async {
            for _ in 0..<200 {
                _ = await authentication.verdict(Self.guess(guesses))
                guesses += 1
            }
        }
        await guessMany()
        #expect(await authentication.verdict(Self.right) == .limited(retryAfter: .seconds(20)))
        var verdict = RequestAuthentication.Verdict.busy
        for _ in 0..<5 {
            clock.advance(by: .seconds(1))
            await guessMany()
            verdict = await authentication.verdict(Self.right)
        }
        #expect(verdict == .admitted, "admitted within five seconds of the first attempt")
    }

    @Test @LoopActor func everyRepeatedGuessIsCheckedEventually() async throws {
        let clock = TestClock()
        let authentication = try Self.make(clock: clock)
        var checked: Set<Int> = []
        // Repeats 40 guesses for ten minutes, two each second.
        for second in 0..<600 {
            for number in [second * 2 % 40, second * 2 % 40 + 1] {
                let verdict = await authentication.verdict(Self.guess(number))
                if verdict == .refused { checked.insert(number) }
            }
            clock.advance(by: .seconds(1))
        }
        #expect(checked.count == 40, "all guesses are checked, so the valid sender is next")
        #expect(await authentication.verdict(Self.right) == .admitted)
    }

    @Test @LoopActor func wrongCredentialsAreNotCheckedAgain() async throws {
        let authentication = try Self.make(limit: 2)
        for _ in 0..<20 {
            #expect(await authentication.verdict(Self.wrong[0]) == .refused)
            #expect(await authentication.verdict(Self.wrong[1]) == .refused)
        }
        #expect(await authentication.verdict(Self.right) == .admitted)
    }

    @Test @LoopActor func unknownUsersGetTheSameVerdictsAsKnownUsers() async throws {
        let authentication = try Self.make()
        func verdicts(_ user: String, from address: String) async -> [RequestAuthentication.Verdict] {
            var verdicts: [RequestAuthentication.Verdict] = []
            for number in 0..<5 {
                verdicts.append(await authentication.verdict(Self.guess(number, user: user), from: address))
            }
            return verdicts
        }
        // Enough unknown users that bcrypt is no longer run for them.
        for number in 0..<20 { _ = await authentication.verdict(Self.guess(0, user: "nobody \(number)")) }
        let (unknown, known) = (
            await verdicts("mallory", from: "192.0.2.1"), await verdicts("grace", from: "192.0.2.1")
        )
        #expect(unknown == known)
        #expect(unknown.last == .limited(retryAfter: .seconds(20)))
    }

    @Test @LoopActor func provenCredentialsPassAtALimitedAddress() async throws {
        let authentication = try Self.make(tokens: ["token"])
        #expect(await authentication.verdict(Self.right) == .admitted)
        for number in 0..<3 { #expect(await authentication.verdict(Self.guess(number)) == .refused) }
        #expect(await authentication.verdict(Self.guess(3)) == .limited(retryAfter: .seconds(20)))
        #expect(await authentication.verdict(Self.right) == .admitted)
        #expect(await authentication.verdict("Bearer token") == .admitted)
    }

    @Test @LoopActor func proofsAreHiddenFromOtherAddresses() async throws {
        let authentication = try Self.make()
        #expect(await authentication.verdict(Self.right) == .admitted)
        for number in 0..<3 {
            #expect(await authentication.verdict(Self.guess(number), from: "192.0.2.9") == .refused)
        }
        for field in [Self.guess(3), Self.right] {
            #expect(await authentication.verdict(field, from: "192.0.2.9") == .limited(retryAfter: .seconds(20)))
        }
    }

    @Test @LoopActor func wrongTokensAndInvalidCredentialsSpendNoBudget() async throws {
        let authentication = try Self.make(tokens: ["token"], limit: 1)
        for field in [nil, "Bearer wrong", "Basic junk", "Basic YTo="] {
            for _ in 0..<5 { #expect(await authentication.verdict(field) == .refused) }
        }
        #expect(await authentication.verdict(Self.right) == .admitted)
    }

    @Test @LoopActor func concurrentGuessesAreLimitedBeforeTheFirstFails() async throws {
        let queue = DispatchQueue(label: "held")
        let authentication = try Self.make(queue: queue)
        queue.suspend()
        for number in 0..<3 {
            authentication.authenticate(authorization: Self.guess(number), client: Self.client()) { _ in }
        }
        #expect(await authentication.verdict(Self.right) == .limited(retryAfter: .seconds(20)))
        queue.resume()
    }

    @Test @LoopActor func busyVerdictsSpendNoBudget() async throws {
        let queue = DispatchQueue(label: "held")
        let authentication = try Self.make(limit: 2, waitingLimit: 1, queue: queue)
        queue.suspend()
        authentication.authenticate(authorization: Self.wrong[0], client: Self.client()) { _ in }
        for _ in 0..<5 { #expect(await authentication.verdict(Self.right) == .busy) }
        queue.resume()
    }

    @Test @LoopActor func reloadKeepsProofsOfUnchangedHashes() async throws {
        let authentication = try Self.make(users: [Self.grace, Self.heidi])
        let heidi = "Basic " + base64(Array("heidi:pässwörd".utf8))
        #expect(await authentication.verdict(Self.right) == .admitted)
        #expect(await authentication.verdict(heidi) == .admitted)
        for number in 0..<3 {
            #expect(await authentication.verdict(Self.guess(number)) == .refused)
            #expect(await authentication.verdict(Self.guess(number, user: "heidi")) == .refused)
        }
        // heidi's new hash has the same password, but no proof yet.
        let changed = Secret("heidi:$2y$05$Yl8u/0C.RJzwJCKcoBtI4e55VwVxRhcaVBSC6BeQ3.bkmN.JcLUaG")
        authentication.reconfigure(
            bearer: BearerAuthentication(tokens: []), basic: try BasicAuthentication([Self.grace, changed]))
        #expect(await authentication.verdict(Self.guess(3)) == .limited(retryAfter: .seconds(20)))
        #expect(await authentication.verdict(Self.right) == .admitted)
        #expect(await authentication.verdict(heidi) == .limited(retryAfter: .seconds(20)))
        authentication.reconfigure(
            bearer: BearerAuthentication(tokens: [Secret("token")]), basic: try BasicAuthentication([]))
        #expect(await authentication.verdict(Self.right, from: "192.0.2.2") == .refused)
        // The user is configured again, but its proof was removed with it.
        authentication.reconfigure(
            bearer: BearerAuthentication(tokens: []), basic: try BasicAuthentication([Self.grace]))
        #expect(await authentication.verdict(Self.right) == .limited(retryAfter: .seconds(20)))
    }

    @Test @LoopActor func proofFinishedAfterAReloadCounts() async throws {
        let queue = DispatchQueue(label: "held")
        let authentication = try Self.make(queue: queue)
        queue.suspend()
        let (verdicts, feed) = AsyncStream.makeStream(of: RequestAuthentication.Verdict.self)
        authentication.authenticate(authorization: Self.right, client: Self.client()) { feed.yield($0) }
        authentication.reconfigure(
            bearer: BearerAuthentication(tokens: []), basic: try BasicAuthentication([Self.grace], waitingLimit: 0))
        queue.resume()
        var iterator = verdicts.makeAsyncIterator()
        #expect(await iterator.next() == .admitted)
        #expect(await authentication.verdict(Self.right) == .admitted, "the waiting limit of 0 allows no other check")
    }

    @Test @LoopActor func wrongTokensAreDelayedPerAddressAndTheRightOneIsNot() async throws {
        let pauses = Locked<[@Sendable () -> Void]>([])
        let authentication = RequestAuthentication(
            bearer: BearerAuthentication(tokens: [Secret("token")]), basic: try BasicAuthentication([]),
            refusals: DelayedRefusals(perSource: 2) { _, work in pauses.withLock { $0.append(work) } })
        for _ in 0..<10 { #expect(await authentication.verdict("Bearer wrong") == .refused) }
        let answers = Locked<[RequestAuthentication.Verdict]>([])
        for number in 0..<5 {
            authentication.authenticate(authorization: "Bearer \(number)", client: Self.client()) { verdict in
                answers.withLock { $0.append(verdict) }
            }
        }
        let limited = answers.withLock { $0 }
        #expect(limited.count == 3)
        for verdict in limited {
            guard case .limited(let wait) = verdict else { Issue.record("\(verdict)"); continue }
            #expect(wait > .zero && wait <= .seconds(6))
        }
        #expect(await authentication.verdict("Bearer token") == .admitted)
        #expect(await authentication.verdict(nil) == .refused, "a request without credentials is not a guess")
        #expect(await authentication.verdict("Bearer wrong", from: "192.0.2.2") == .refused)
        for work in pauses.withLock({ $0 }) { work() }
        await withCheckedContinuation { continuation in LoopActor.post { continuation.resume() } }
        #expect(answers.withLock { $0.suffix(2) } == [.refused, .refused])
    }
}

/// A clock that advances only when a test advances it.
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
