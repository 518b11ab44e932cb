import Testing

@testable import Relay

@Suite struct PostLimiterTests {
    private let start = ContinuousClock.now

    /// A fixed window as Meteor's rate limiter keeps it: it opens with the first call after the last one closed.
    private struct ServerWindow {
        var limit: PostLimit
        var opened: ContinuousClock.Instant?
        var calls = 0

        mutating func accepts(at instant: ContinuousClock.Instant) -> Bool {
            if opened.map({ instant >= $0 + limit.window }) ?? true {
                opened = instant
                calls = 0
            }
            calls += 1
            return calls <= limit.posts
        }
    }

    @Test func aQuietHooksFirstPostLeavesAtOnce() {
        #expect(PostLimiter().nextSlot(now: start) == start)
    }

    @Test func theEleventhPostOfAMinuteWaits() {
        var limiter = PostLimiter()
        for second in 0..<10 {
            limiter.start(at: start + .seconds(second))
            limiter.finish(at: start + .seconds(second))
        }
        let slot = limiter.nextSlot(now: start + .seconds(10))
        #expect(slot >= start + .seconds(60))
        #expect(slot <= start + .milliseconds(60_200))
        #expect(limiter.nextSlot(now: start + .seconds(65)) == start + .seconds(65))
    }

    @Test(arguments: 1...40)
    func noWindowEverHoldsMoreThanTheLimitWhateverTheDelays(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let limit = PostLimit(
            posts: .random(in: 1...12, using: &random), per: .seconds(.random(in: 1...60, using: &random)))
        var limiter = PostLimiter(limits: [limit])
        var server = ServerWindow(limit: limit)
        var arrivals: [ContinuousClock.Instant] = []
        var refusals = 0
        var now = start
        for _ in 0..<300 {
            let rest = Duration.milliseconds(Int.random(in: 0...3000, using: &random))
            if Bool.random(using: &random) { now += rest }
            now = limiter.nextSlot(now: now)
            limiter.start(at: now)
            let travel = Duration.milliseconds(Int.random(in: 0...900, using: &random))
            arrivals.append(now + travel)
            if !server.accepts(at: now + travel) { refusals += 1 }
            now += travel + .milliseconds(Int.random(in: 0...900, using: &random))
            limiter.finish(at: now)
        }
        let tightest = zip(arrivals, arrivals.dropFirst(limit.posts)).map { $1 - $0 }.min()
        #expect(try #require(tightest) > limit.window)
        #expect(refusals == 0)
    }

    @Test func underABacklogTheBudgetIsUsed() {
        var limiter = PostLimiter()
        var now = start
        var posts = 0
        while now < start + .seconds(600) {
            now = limiter.nextSlot(now: now)
            limiter.start(at: now)
            limiter.finish(at: now)
            posts += 1
        }
        #expect(posts >= 100 && posts <= 110)
    }

    @Test func aSecondLimitSpreadsABacklog() {
        var limiter = PostLimiter(limits: [.rocketChat, PostLimit(posts: 2, per: .seconds(12))])
        var now = start
        var longestSilence = Duration.zero
        for _ in 0..<50 {
            let slot = limiter.nextSlot(now: now)
            longestSilence = max(longestSilence, slot - now)
            now = slot
            limiter.start(at: now)
            limiter.finish(at: now)
        }
        #expect(longestSilence < .seconds(13))
    }

    @Test func aPostThatNeverLeftCostsNothing() {
        var limiter = PostLimiter(limits: [PostLimit(posts: 1, per: .seconds(60))])
        for _ in 0..<5 {
            limiter.start(at: start)
            limiter.finish(at: start, reachedServer: false)
        }
        limiter.start(at: start)
        limiter.finish(at: start)
        #expect(limiter.nextSlot(now: start) > start + .seconds(59))
    }

    @Test func aPauseHoldsEvenWithoutLimitsAndIsNeverShortened() {
        var limiter = PostLimiter(limits: [])
        limiter.pause(until: start + .seconds(28))
        limiter.pause(until: start + .seconds(5))
        #expect(limiter.nextSlot(now: start) == start + .seconds(28))
        #expect(limiter.nextSlot(now: start + .seconds(30)) == start + .seconds(30))
    }

    @Test func withoutLimitsNothingWaits() {
        var limiter = PostLimiter(limits: [])
        for _ in 0..<1000 {
            limiter.start(at: start)
            limiter.finish(at: start)
        }
        #expect(limiter.nextSlot(now: start) == start)
    }
}
