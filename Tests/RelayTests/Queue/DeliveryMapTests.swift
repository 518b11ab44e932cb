import DeliveryCore
import Testing

@testable import Alerts
@testable import Posting
@testable import Relay
@testable import RocketChat

@Suite struct DeliveryMapTests {
    private func hook(_ name: String) throws -> HookURL { try HookURL("https://chat.example.com/hooks/\(name)/token") }

    private func configuration(_ severities: Severity...) throws -> RelayConfiguration {
        RelayConfiguration(
            hooks: Dictionary(uniqueKeysWithValues: try severities.map { ($0, try hook($0.rawValue)) }))
    }

    /// The rooms that may carry a destination's messages, the best first.
    private func rooms(_ destination: Destination, _ map: DeliveryMap) throws -> [String] {
        let queue = try #require(map.queue(destination))
        return try map.topology.queues[queue.index].routes.map {
            try #require(map.settings[queue.index].routes[$0]).room
        }
    }

    private func rooms(of severity: Severity, _ configuration: RelayConfiguration) throws -> [String] {
        try rooms(
            Destination(severity: severity),
            DeliveryMap(OutboundPlan(configuration: configuration, receivers: [:])))
    }

    @Test func otherRoomsFollowTheNearestFirst() throws {
        var all = try configuration(.critical, .warning, .info, .fallback)
        #expect(try rooms(of: .critical, all) == ["critical", "fallback", "warning", "info"])
        #expect(try rooms(of: .info, all) == ["info", "fallback", "warning", "critical"])
        all.usesOtherRooms = false
        #expect(try rooms(of: .critical, all) == ["critical", "fallback"])
        #expect(try rooms(of: .fallback, all) == ["fallback"])
    }

    @Test func otherRoomsReplaceAMissingFallback() throws {
        var some = try configuration(.critical, .warning)
        #expect(try rooms(of: .critical, some) == ["critical", "warning"])
        #expect(try rooms(of: .fallback, some) == ["warning", "critical"], "the first replaces its own room")
        some.usesOtherRooms = false
        #expect(try rooms(of: .critical, some) == ["critical"])
        #expect(try rooms(of: .fallback, some) == ["warning"], "an accepted alert always has a room")
    }

    @Test func sharedHookIsUsedOnce() throws {
        var shared = try configuration(.critical, .fallback)
        shared.hooks[.warning] = shared.hooks[.critical]
        #expect(try rooms(of: .critical, shared) == ["critical", "fallback"])
        let map = DeliveryMap(OutboundPlan(configuration: shared, receivers: [:]))
        #expect(map.hooks.count == 2)
        let (critical, warning) = (map.queue(.critical), map.queue(.warning))
        #expect(
            try map.topology.queues[#require(critical).index].routes.first
                == map.topology.queues[#require(warning).index].routes.first)
    }

    private func receiver(_ name: String) -> ReceiverConfiguration {
        ReceiverConfiguration(name: name, matchers: [], posting: PostingSettings())
    }

    private func plan(
        _ configuration: RelayConfiguration, _ receivers: [ReceiverConfiguration]
    ) -> OutboundPlan {
        var configuration = configuration
        configuration.receivers = receivers
        return OutboundPlan(
            configuration: configuration,
            receivers: Dictionary(
                uniqueKeysWithValues: receivers.enumerated().map { (ReceiverID(rawValue: UInt8($0 + 1)), $1.name) }))
    }

    @Test func receiversFailOverToTheFallbackOrTheirSeverity() throws {
        var database = receiver("database")
        database.hook = try hook("database")
        database.fallbackAfter = .seconds(7)
        let own = Destination(receiver: ReceiverID(rawValue: 1), severity: .info)
        var configuration = try configuration(.info, .fallback)
        configuration.usesOtherRooms = false
        var map = DeliveryMap(plan(configuration, [database]))
        #expect(try rooms(own, map) == ["database", "fallback"])
        configuration.usesOtherRooms = true
        #expect(try rooms(own, DeliveryMap(plan(configuration, [database]))) == ["database", "fallback", "info"])
        configuration.usesOtherRooms = false
        let queue = try #require(map.queue(own))
        #expect(map.topology.queues[queue.index].failoverDelay == .seconds(7))
        #expect(map.settings[queue.index].receiver == "database")

        configuration.hooks[.fallback] = nil
        map = DeliveryMap(plan(configuration, [database]))
        #expect(try rooms(own, map) == ["database", "info"])
        map = DeliveryMap(plan(configuration, [receiver("roomless")]))
        #expect(try rooms(own, map) == ["info"])
    }

    @Test func idsAndLimitsSurviveAReload() throws {
        var before = try configuration(.critical, .info)
        before.posting.rateLimit = RateLimit(posts: 7, per: .seconds(60))
        var map = DeliveryMap(plan(before, []))
        let (critical, hooks) = (try #require(map.queue(.critical)), map.hooks)
        var after = try configuration(.critical)
        after.hooks[.critical] = try hook("moved")
        after.posting.rateLimit = nil
        var new = receiver("new")
        new.posting.rateLimit = nil
        map.adopt(plan(after, [new]))
        #expect(map.queue(.critical) == critical)
        #expect(map.destinations.count == 8 && map.topology.queues.count == 8)
        #expect(Array(map.hooks.prefix(2)) == hooks && map.hooks.count == 3)
        #expect(map.topology.limits.map { $0?.posts } == [7, 7, nil], "an unused hook keeps its limit")
        #expect(map.topology.queues[critical.index].routes == [HookID(2)])
    }

    @Test func hookWithSeveralLimitsObeysAll() throws {
        var configuration = try configuration(.critical)
        var strict = receiver("strict")
        strict.hook = configuration.hooks[.critical]
        strict.posting.rateLimit = RateLimit(posts: 3, per: .seconds(10))
        let limit = DeliveryMap(plan(configuration, [strict])).topology.limits.first
        #expect(limit == DeliveryCore.PostLimit(posts: 3, per: .seconds(60)))
        configuration.posting.rateLimit = nil
        let alone = DeliveryMap(plan(configuration, [strict])).topology.limits.first
        #expect(alone == DeliveryCore.PostLimit(posts: 3, per: .seconds(10)))
    }
    @Test func longestLimitAndDelayAreNotCut() throws {
        var configuration = try configuration(.critical)
        configuration.posting.rateLimit = RateLimit(posts: 1, per: .seconds(7 * 86_400))
        configuration.fallbackAfter[.critical] = .seconds(365 * 86_400)
        let topology = DeliveryMap(plan(configuration, [])).topology
        #expect(topology.limits.first??.window == .seconds(7 * 86_400))
        #expect(topology.queues.first?.failoverDelay == .seconds(365 * 86_400))
    }
}
