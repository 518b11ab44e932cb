import DeliveryCore
import Foundation
import TestSupport
import Testing

@testable import Alerts
@testable import Journaling
@testable import Posting
@testable import Relay
@testable import RocketChat
@testable import Support

/// The channel of each message, and what follows if a server refuses it.
@Suite(.timeLimit(.minutes(1))) struct ChannelTests {
    private struct Posted: Decodable {
        var text: String
        var channel: String?
    }

    /// - Parameter label: with `#A*` and `#B*` allowed.
    private func bench(_ channel: String? = nil, label: String? = nil) throws -> QueueBench {
        var bench = try QueueBench()
        let allowed = ["#A*", "#B?", "@A"].compactMap { ChannelPattern($0) }
        bench.settings.channels = ChannelRule(channel: channel, label: label, allowed: label == nil ? [] : allowed)
        return bench
    }

    private func posted(_ bench: QueueBench) throws -> [Posted] {
        try bench.room.requests.map { try JSONDecoder().decode(Posted.self, from: Data($0.body)) }
    }

    @Test func fixedChannelIsSent() async throws {
        let bench = try bench("#db")
        _ = try await bench.show(bench.compose(bench.journal.append("A")))
        _ = try await bench.show(bench.compose(bench.journal.append("A"), bench.journal.append("B")))
        _ = try await bench.show(bench.compose(bench.journal.append("A"), form: .plain))
        _ = try await bench.show(bench.compose(bench.journal.append("A"), form: .notice))
        _ = try await bench.show(bench.compose(bench.journal.append("A"), banner: .rerouted))
        #expect(try posted(bench).map(\.channel) == ["#db", "#db", "#db", nil, nil])
    }

    @Test func labelSelectsAMessageForEachChannel() async throws {
        let bench = try bench(label: "alertname")
        let all = try [["A1"], ["A1", "B2"], ["B222", "C"], ["A1"]].enumerated().map { index, names in
            try bench.journal.append(names[0], names.count > 1 ? names[1] : names[0], group: UInt64(index))
        }
        let manifest = try #require(await bench.compose(all.map(\.entry)))
        #expect(manifest.parts == 3 && manifest.copies == 0)
        #expect(manifest.refusedChannels == ["B222": 1, "C": 1])
        _ = try await bench.show(manifest)
        let posts = try posted(bench)
        #expect(posts.map(\.channel) == ["#A1", "#B2", nil])
        #expect(!posts[0].text.contains("B2") && !posts[1].text.contains("A1") && !posts[2].text.contains("A1"))
        #expect(posts[2].text.contains("B222") && posts[2].text.contains("C"))
    }

    @Test func alertsOfOneNotificationAreSplit() async throws {
        let bench = try bench("#rest", label: "alertname")
        let manifest = try await bench.compose(bench.journal.append("A1", "A2", "X", truncated: 7))
        #expect(manifest.parts == 3)
        _ = try await bench.show(manifest)
        let posts = try posted(bench)
        #expect(posts.map(\.channel) == ["#A1", "#A2", "#rest"])
        #expect(posts.map { $0.text.contains("+7 more") } == [true, false, false])
    }

    @Test func manyChannelsShareTheDefaultOne() async throws {
        let bench = try bench(label: "alertname")
        let ids = try (0..<40).map { try bench.journal.append("A\($0)", group: UInt64($0)).entry }
        let manifest = try #require(await bench.compose(ids))
        #expect(manifest.parts == ChannelSections.limit + 1)
        _ = try await bench.show(manifest)
        let last = try #require(try posted(bench).last)
        #expect(last.channel == nil && last.text.contains("8 firing"))
    }

    @Test func eachChannelMentionsForItsOwnNews() async throws {
        var bench = try bench(label: "alertname")
        bench.settings.mentions = ["@here"]
        _ = try await bench.show(bench.compose(bench.journal.append("A1", repeats: 0)))
        _ = try await bench.show(bench.compose(bench.journal.append("A1", "A2", repeats: 0)))
        #expect(try posted(bench).map { $0.text.hasPrefix("@here ") } == [true, false, true])
    }

    // MARK: Refusals

    private static let errors = [
        "overriding destination channel is disabled for this integration", "invalid-channel", "error-invalid-room",
        "error-not-allowed", "room_is_archived", "You_have_been_muted",
        "You can't send messages because the room is readonly.",
    ]

    @Test(arguments: errors) func refusedChannelFallsBackToTheHooksRoom(error: String) async throws {
        let bench = try bench("#db")
        let notification = try bench.journal.append("A")
        _ = try await bench.compose(notification)
        bench.room.next(RoomServer.refusal(error))
        let report = try await bench.post()
        #expect(report.refused == .channel("#db") && report.result == .throttled(.seconds(1)))
        _ = try await bench.show(bench.compose(notification))
        #expect(try posted(bench).map(\.channel) == ["#db", nil])
        _ = try await bench.compose(notification)
        bench.room.next(RoomServer.refusal(error))
        let own = try await bench.post()
        #expect(own.refused == nil && own.result == .hookBroken, "the hook's own room refuses it")
    }

    @Test func refusedChannelOfSeveralIsPostedAgainAlone() async throws {
        let bench = try bench(label: "alertname")
        let manifest = try await bench.compose(bench.journal.append("A1", "A2", "A3"))
        #expect(manifest.parts == 3)
        #expect(try await bench.post(0).result == .delivered(messageID: nil))
        bench.room.next(RoomServer.refusal("invalid-channel"))
        #expect(try await bench.post(1).refused == .channel("#A2"))
        #expect(try await bench.post(1).result == .delivered(messageID: nil))
        #expect(try await bench.post(2).result == .delivered(messageID: nil))
        #expect(try posted(bench).map(\.channel) == ["#A1", "#A2", nil, "#A3"])
    }

    @Test func mentionAndChannelAreLeftOutOneAfterTheOther() async throws {
        var bench = try bench("#db")
        bench.settings.mentions = ["@all"]
        let notification = try bench.journal.append("A", repeats: 0)
        _ = try await bench.compose(notification)
        bench.room.next(RoomServer.refusal("invalid-channel"))
        _ = try await bench.post()
        _ = try await bench.compose(notification)
        bench.room.next(RoomServer.refusal("error-action-not-allowed"))
        _ = try await bench.post()
        _ = try await bench.show(bench.compose(notification))
        #expect(try posted(bench).map(\.channel) == ["#db", nil, nil])
        #expect(try posted(bench).map { $0.text.hasPrefix("@all ") } == [true, true, false])
    }

    /// A refusal of the third message composes all again. What was delivered is not repeated.
    @Test func deliveredChannelsAreNotRepeated() async throws {
        let bench = try bench(label: "alertname")
        let notification = try bench.journal.append("A1", "A2", "A3")
        _ = try await bench.compose(notification)
        _ = try await bench.post(0)
        _ = try await bench.post(1)
        bench.room.next(RoomServer.refusal("Match error: x"))
        #expect(try await bench.post(2).result == .refused(.plainText))
        let plain = try await bench.compose(notification, form: .plain)
        #expect(plain.parts == 1)
        _ = try await bench.show(plain)
        #expect(try posted(bench).map(\.channel) == ["#A1", "#A2", "#A3", "#A3"])
        let next = try await bench.compose(bench.journal.append("A1", "A2"))
        #expect(next.parts == 2)
    }

    // MARK: Patterns

    @Test(arguments: [
        ("#alerts-*", "#alerts-db", true), ("#alerts-*", "#alerts-", true), ("#alerts-*", "#alert", false),
        ("#*", "#x", true), ("#*", "@x", false), ("@oncall-?", "@oncall-a", true), ("@oncall-?", "@oncall-ab", false),
        ("#a*b*c", "#axxbyyc", true), ("#a*b*c", "#axxbyy", false), ("#A", "#a", false), ("#a", "#ab", false),
        ("#**a", "#ba", true),
    ])
    func patternsMatchWholeNames(pattern: String, name: String, isMatch: Bool) throws {
        #expect(try #require(ChannelPattern(pattern)).matches(name) == isMatch)
    }

    @Test(arguments: ["", "#", "alerts", "*", "#a b", "#a/b", "#[a]", "##a", "#é", "@"])
    func otherPatternsAreRefused(text: String) { #expect(ChannelPattern(text) == nil) }

    @Test func patternWithManyStarsTakesLinearTime() throws {
        let pattern = try #require(ChannelPattern("#" + String(repeating: "a*", count: 48) + "b"))
        #expect(!pattern.matches("#" + String(repeating: "a", count: 10_000) + "!"))
    }

    @Test(arguments: ["#all here", "@here", "#../x", "#a,#b", "#a\n", "", " ", "#\u{202E}a", "[\"#a\"]"])
    func hostileValueOfTheLabelSelectsNoChannel(value: String) throws {
        let rule = ChannelRule(label: "team", allowed: [try #require(ChannelPattern("#*"))])
        if case .channel(let name) = rule.choice(for: value) { #expect(name == "#a", "white space is trimmed") }
    }
}
