import DeliveryCore
import TestSupport
import Testing

@testable import Alerts
@testable import Journaling
@testable import Posting
@testable import Relay
@testable import RocketChat

/// The first message on a newly firing alert mentions; other messages do not.
@Suite(.timeLimit(.minutes(1))) struct MentionTests {
    private func bench(_ mentions: [String] = ["@here", "@oncall-db"]) throws -> QueueBench {
        var bench = try QueueBench()
        bench.settings.mentions = mentions
        return bench
    }

    private func text(_ bench: QueueBench, _ manifest: Manifest) async throws -> String {
        try #require(try await bench.show(manifest).first).text
    }

    private func mentions(
        _ bench: QueueBench, _ notifications: Journaled<Alerts.Notification>..., form: Form = .full,
        banner: Banner = []
    ) async throws -> Bool {
        let ids = notifications.map(\.entry)
        let manifest = try #require(await bench.compose(ids, form: form, banner: banner))
        let text = try await text(bench, manifest)
        #expect(text.hasPrefix("@here @oncall-db ") || !text.contains("@"), "\(text)")
        return text.hasPrefix("@here @oncall-db ")
    }

    @Test(arguments: [Form.full, .reduced, .plain])
    func firstMessageMentionsInEveryForm(form: Form) async throws {
        let bench = try bench()
        let first = try bench.journal.append("A", repeats: 0)
        #expect(try await mentions(bench, first, form: form))
    }

    @Test func noticeMentionsNobody() async throws {
        let bench = try bench()
        #expect(try await !mentions(bench, bench.journal.append("A", repeats: 0), form: .notice))
    }

    @Test func withoutTheSettingNobodyIsMentioned() async throws {
        let bench = try bench([])
        #expect(try await !mentions(bench, bench.journal.append("A", repeats: 0)))
    }

    @Test func repeatsAndResolvesMentionNobody() async throws {
        let bench = try bench()
        #expect(try await mentions(bench, bench.journal.append("A", repeats: 0)))
        #expect(try await !mentions(bench, bench.journal.append("A", repeats: 1)))
        // Senders before 0.32, after a restart of the relay: the state is known from the message before.
        #expect(try await !mentions(bench, bench.journal.append("A", repeats: 0)))
        #expect(try await !mentions(bench, bench.journal.append("A", status: .resolved, repeats: 0)))
        #expect(try await mentions(bench, bench.journal.append("A", repeats: 0)), "it fires again")
    }

    @Test func alertThatJoinsAGroupIsNews() async throws {
        let bench = try bench()
        #expect(try await mentions(bench, bench.journal.append("A", repeats: 0)))
        #expect(try await mentions(bench, bench.journal.append("A", "B", repeats: 0)))
        #expect(try await !mentions(bench, bench.journal.append("B", repeats: 0)), "one left the group")
        #expect(try await mentions(bench, bench.journal.append("A", group: 2, repeats: 0)), "another group")
    }

    @Test func digestMentionsOnceIfAMemberIsNew() async throws {
        let bench = try bench()
        let first = try bench.journal.append("A", repeats: 0)
        let again = try bench.journal.append("A", repeats: 1)
        let other = try bench.journal.append("B", group: 2, repeats: 0)
        #expect(try await mentions(bench, first, again, other))
        let more = try bench.journal.append("A", repeats: 2)
        let resolved = try bench.journal.append("B", status: .resolved, group: 2, repeats: 0)
        #expect(try await !mentions(bench, more, resolved), "a repeat and a resolve")
    }

    @Test func digestOfWhatFlappedMentionsNobody() async throws {
        let bench = try bench()
        let firing = try bench.journal.append("A", repeats: 0)
        let resolved = try bench.journal.append("A", status: .resolved, repeats: 0)
        #expect(try await !mentions(bench, firing, resolved))
        let again = try bench.journal.append("A", repeats: 0)
        #expect(try await mentions(bench, firing, resolved, again), "it fires at the end")
    }

    @Test func mentionStaysUntilTheMessageIsDelivered() async throws {
        let bench = try bench()
        let first = try bench.journal.append("A", repeats: 0)
        for _ in 0..<2 {
            _ = try await bench.compose(first)
            bench.room.next(RoomServer.http(502))
            _ = try await bench.post()
            #expect(bench.room.posts.last?.text.hasPrefix("@here @oncall-db ") == true)
        }
        #expect(try await mentions(bench, first))
    }

    @Test func reroutedMessageMentionsOnlyIfAllowed() async throws {
        var bench = try bench()
        let first = try bench.journal.append("A", repeats: 0)
        #expect(try await !mentions(bench, first, banner: .rerouted))
        bench.settings.mentionsWhenRerouted = true
        let second = try bench.journal.append("B", group: 2, repeats: 0)
        #expect(try await mentions(bench, second, banner: .rerouted))
    }

    @Test func replayThatIsOverMentionsNobody() async throws {
        let bench = try bench()
        let dead = try bench.journal.append("A", group: 1)
        bench.journal.kill(dead)
        let resolved = try bench.journal.append("A", status: .resolved, group: 1, repeats: 0)
        _ = try await mentions(bench, resolved)
        bench.journal.settle(resolved.id, as: .delivered)
        #expect(try await !mentions(bench, bench.journal.replay(dead.id), banner: .replayed))
        let other = try bench.journal.append("B", group: 2)
        bench.journal.kill(other)
        #expect(try await mentions(bench, bench.journal.replay(other.id), banner: .replayed), "nobody knew of it")
    }

    @Test func replayOfWhatTheRoomKnowsMentionsNobody() async throws {
        let bench = try bench()
        let dead = try bench.journal.append("A")
        bench.journal.kill(dead)
        let firing = try bench.journal.append("A", repeats: 0)
        #expect(try await mentions(bench, firing))
        bench.journal.settle(firing.id, as: .delivered)
        #expect(try await !mentions(bench, bench.journal.replay(dead.id), banner: .replayed))
    }

    @Test func copyInAThreadMentionsNobody() async throws {
        var bench = try bench()
        bench.settings.usesThreads = true
        let firing = try bench.journal.append("A", "B", repeats: 0)
        #expect(try await mentions(bench, firing))
        let mixed = try bench.journal.append("A", status: .resolved, repeats: 0)
        let manifest = try await bench.compose(mixed, thread: "parent")
        #expect(manifest.copies == 1)
        #expect(try await bench.show(manifest).allSatisfy { !$0.text.contains("@") })
    }

    // MARK: Refusals

    @Test func refusedMentionIsLeftOutOfTheSameMessage() async throws {
        let bench = try bench()
        let first = try bench.journal.append("A", repeats: 0)
        _ = try await bench.compose(first)
        bench.room.next(RoomServer.refusal("error-action-not-allowed"))
        let report = try await bench.post()
        #expect(report.refused == .mentions(["@here", "@oncall-db"]) && report.result == .throttled(.seconds(1)))
        #expect(report.outcome?.reason == .clientError)
        let again = try await bench.show(bench.compose(first))
        #expect(again.count == 1 && !again[0].text.contains("@") && again[0].attachments?.isEmpty == false)
        // Between the two the alert may have become an hour older.
        let age = /for \d+ d \d+ h/
        let shown = "@here @oncall-db " + again[0].text
        #expect(bench.room.posts[0].text.replacing(age, with: "") == shown.replacing(age, with: ""))
        let second = try bench.journal.append("B", group: 2, repeats: 0)
        #expect(try await !mentions(bench, second), "the room is not asked again at once")
        var other = bench
        other.settings.mentions = ["@here"]
        let third = try bench.journal.append("C", group: 3, repeats: 0)
        #expect(try await text(other, other.compose(third)).hasPrefix("@here 🟠"), "new settings are tried at once")
    }

    @Test func refusalOfAMessageWithoutMentionsIsOfItsText() async throws {
        let bench = try bench()
        _ = try await bench.compose(bench.journal.append("A", repeats: 1))
        bench.room.next(RoomServer.refusal("error-action-not-allowed"))
        let report = try await bench.post()
        #expect(report.refused == nil && report.result == .refused(.plainText))
    }

    // MARK: Large groups and unknown ones

    private func news(_ payload: Payload, repeats: Int? = nil, _ shown: ShownAlerts = ShownAlerts()) -> ShownAlerts.News
    {
        var news = ShownAlerts.News()
        news.add(payload, of: 1, repeats: repeats, in: QueueBench.hook, since: shown)
        return news
    }

    private func payload(reason: String? = nil, counted: Int = 0) throws -> Payload {
        var payload = try WebhookParser().decode(text: webhookBody(alerts: "[\(alertJSON())]"))
        payload.notificationReason = reason
        if counted > 0 { payload.countedAlerts = ["A": .init(firing: counted)] }
        return payload
    }

    @Test(
        arguments: [
            (nil, true), ("first notification", true), ("new alerts added", true), ("some alerts resolved", false),
            ("repeat interval elapsed", false), ("something new", true),
        ] as [(String?, Bool)])
    func reasonDecidesForAGroupThatIsNotKnown(reason: String?, isNew: Bool) throws {
        #expect(try news(payload(reason: reason)).isNew == isNew)
        #expect(try news(payload(reason: reason), repeats: 0).isNew == isNew)
        #expect(try !news(payload(reason: reason), repeats: 3).isNew)
    }

    @Test func numberDecidesForAlertsThatAreOnlyCounted() throws {
        var shown = ShownAlerts()
        let first = try news(payload(counted: 3_000))
        #expect(first.isNew)
        shown.record(first)
        #expect(try !news(payload(counted: 3_000), repeats: 0, shown).isNew)
        #expect(try !news(payload(counted: 2_000), repeats: 0, shown).isNew)
        #expect(try news(payload(counted: 3_001), repeats: 0, shown).isNew)
    }
}
