import DeliveryCore
import Foundation
import TestSupport
import Testing

@testable import Alerts
@testable import Journaling
@testable import Posting
@testable import Relay

/// The words of a status, and its JSON.
@Suite struct DeliveryStatusTests {
    private static let now = Timestamp(seconds: 1_795_453_440, nanoseconds: 0)

    private func before(_ seconds: Int64) -> Timestamp { Self.now.advanced(bySeconds: -seconds) }

    private func hook(_ state: RoomStatus.State, next seconds: Int64? = nil) -> RoomStatus.Hook {
        RoomStatus.Hook(
            integration: "https://chat.example.com/hooks/ID/…", state: state, failingSince: before(120),
            nextPost: seconds.map { Self.now.advanced(bySeconds: $0) }, limit: "10/1m", postsLeft: 0)
    }

    private func room(_ hook: RoomStatus.Hook?, waiting: Int = 2) -> RoomStatus {
        var room = RoomStatus(name: "critical", hook: hook)
        if waiting > 0 { room.queues = [.init(destination: .critical, waiting: waiting, oldest: before(90))] }
        return room
    }

    private func status(_ rooms: RoomStatus...) -> DeliveryStatus { DeliveryStatus(at: Self.now, rooms: rooms) }

    // MARK: Sentences

    @Test func headlineAnswersWhetherEverythingIsDelivered() {
        var idle = status(room(hook(.working), waiting: 0))
        #expect(idle.headline == "Everything accepted is delivered." && idle.level == .good)
        let one = status(room(hook(.working), waiting: 1))
        #expect(one.headline == "1 notification waits, the oldest for 1 m." && one.level == .busy)
        idle.rooms[0].deadLetters = 2
        #expect(idle.headline == "2 dead letters." && idle.level == .bad)
        idle.refusal = "the journal is full"
        #expect(idle.headline == "2 dead letters; webhooks are refused: the journal is full.")
        let failing = status(room(hook(.suspended), waiting: 0))
        #expect(failing.headline == "Everything accepted is delivered; the hook of critical does not work.")
        #expect(failing.level == .bad)
    }

    /// A severity without a hook shares another room's, which is named once.
    @Test func borrowedHookIsNoSecondFailure() {
        var borrower = room(hook(.failing), waiting: 0)
        (borrower.name, borrower.borrowed) = ("info", "critical")
        #expect(status(room(hook(.failing), waiting: 0), borrower).headline.contains("the hook of critical does"))
    }

    private static let reasons: [(state: RoomStatus.State, next: Int64?, reason: String)] = [
        (.working, nil, "Being posted."),
        (.budgetSpent, 12, "The budget of 10/1m is spent. The next post leaves in 12 s, with all that waits then."),
        (.throttled, 12, "The server limits the rate of posts for 2 m. Next post in 12 s."),
        (.failing, 3, "The hook has failed for 2 m. Next attempt in 3 s."),
        (.suspended, 40, "The hook has failed for 2 m. Next test in 40 s."),
        (.probing, nil, "The hook has failed for 2 m. A test is in progress."),
    ]

    @Test(arguments: reasons)
    func reasonSaysWhyNotificationsWait(state: RoomStatus.State, next: Int64?, reason: String) {
        #expect(room(hook(state, next: next)).reason(at: Self.now) == reason)
    }

    @Test func reasonSaysThatTheRoomRefusesAMessage() {
        var refused = room(hook(.working))
        refused.answer = RoomStatus.Answer(at: Self.now, text: "HTTP 400: odd", advice: "Check the address.")
        #expect(refused.reason(at: Self.now)?.hasPrefix("The room refused the last post.") == true)
    }

    @Test func reasonNamesTheRoomInUse() throws {
        var rerouted = room(hook(.suspended, next: 40))
        rerouted.hook?.isBroken = true
        rerouted.fallback = "fallback"
        rerouted.fallbackHook = hook(.budgetSpent, next: 5)
        let reason = try #require(rerouted.reason(at: Self.now))
        #expect(reason.hasPrefix("Its messages go to fallback. The hook needs a repair: it has been broken for 2 m."))
        let there = " There: The budget of 10/1m is spent. The next post leaves in 5 s, with all that waits then."
        #expect(reason.hasSuffix(there))
    }

    @Test func nothingToExplainHasNoReason() {
        #expect(room(hook(.working), waiting: 0).reason(at: Self.now) == nil)
        #expect(room(nil, waiting: 0).reason(at: Self.now) == nil)
        #expect(room(nil).reason(at: Self.now) == "The relay is not running.")
    }

    // MARK: Rooms

    @Test func receiversHaveOneRoomForAllSeverities() {
        let database = ReceiverID(rawValue: 1)
        var journal = JournalSnapshot()
        journal.receivers = [database: "database"]
        let (critical, info) = (
            Destination(receiver: database, severity: .critical), Destination(receiver: database, severity: .info)
        )
        journal.pending = [critical: 2, info: 1, .warning: 4]
        journal.oldestPending = [critical: before(10), info: before(60), .warning: before(5)]
        journal.deadLetters = [info: 3]
        let stopped = DeliveryStatus(stopped: journal, at: Self.now)
        #expect(stopped.rooms.map(\.name) == ["critical", "warning", "info", "fallback", "database"])
        #expect(stopped.rooms[4].waiting == 3 && stopped.rooms[4].oldest == before(60))
        #expect(stopped.rooms[4].deadLetters == 3 && stopped.rooms[4].isReceiver)
        #expect(stopped.waiting == 7 && stopped.oldest == before(60) && stopped.deadLetters == 3)
        #expect(!stopped.isRunning)
    }

    // MARK: Texts

    @Test func jsonHasEveryField() throws {
        var room = room(hook(.suspended, next: 40))
        room.answer = RoomStatus.Answer(at: before(3), text: "HTTP 404: \"no\"\n", advice: "Copy it.")
        var status = status(room, self.room(nil, waiting: 0))
        status.activity = [Activity.Minute(accepted: 1, posts: 2, folded: 3)]
        status.refusedSeverities = [.info]
        let json = try JSONSerialization.jsonObject(with: Data(StatusJSON.bytes(status))) as? [String: Any]
        #expect(json?["waiting"] as? Int == 2 && json?["level"] as? String == "bad")
        #expect(json?["oldest"] as? String == before(90).rfc3339 && json?["degraded"] is NSNull)
        #expect(json?["refusedSeverities"] as? [String] == ["info"])
        let rooms = try #require(json?["rooms"] as? [[String: Any]])
        #expect(rooms[0]["state"] as? String == "suspended" && rooms[1]["state"] is NSNull)
        let first = try #require(rooms[0]["hook"] as? [String: Any])
        #expect(first["postsLeft"] as? Int == 0)
        #expect(first["nextPost"] as? String == Self.now.advanced(bySeconds: 40).rfc3339)
        #expect((rooms[0]["answer"] as? [String: Any])?["text"] as? String == "HTTP 404: \"no\"\n")
        #expect(json?["activity"] as? [[String: Int]] == [["accepted": 1, "posts": 2, "folded": 3]])
    }

    @Test func pendingTextHasABlockForEachRoomThatNeedsAttention() {
        var busy = room(hook(.suspended, next: 40))
        busy.alerts = ["DiskFull", "odd\u{1B}[2J\nname"]
        busy.answer = RoomStatus.Answer(at: before(3), text: "HTTP 404", advice: "Copy the URL.")
        busy.deadLetters = 1
        let text = PendingText.text(status(busy, room(hook(.working), waiting: 0)))
        #expect(
            text == """
                critical (suspended): 2 notifications wait, the oldest for 1 m
                  alerts: DiskFull, odd\u{FFFD}[2J name
                  why:    The hook has failed for 2 m. Next test in 40 s.
                  answer: HTTP 404 (3 s ago)
                  do:     Copy the URL.
                1 dead letter: relay dead-letters list

                """)
        #expect(PendingText.text(status(room(hook(.working), waiting: 0))) == "Nothing waits for delivery.\n")
    }

    // MARK: Activity

    private func minute(_ accepted: Int) -> Activity.Minute { Activity.Minute(accepted: accepted) }

    @Test func activityIsCountedByMinute() {
        var activity = Activity()
        activity.record(minute(5), at: before(0))
        activity.record(minute(7), at: Self.now.advanced(bySeconds: 30))
        activity.record(minute(8), at: Self.now.advanced(bySeconds: 120))
        #expect(activity.minutes.suffix(3).map(\.accepted) == [7, 0, 1] && activity.minutes.count == 60)
        activity.record(minute(9), at: Self.now.advanced(bySeconds: 7200))
        #expect(activity.minutes.map(\.accepted).reduce(0, +) == 1, "older minutes are forgotten")
    }

    /// The wall clock can jump to any time.
    @Test func activitySurvivesClockJumps() {
        var activity = Activity()
        let times: [Int64] = [0, 600, -60, 253_402_300_799, 60, .max, .min, 1_795_453_440]
        for (index, seconds) in times.enumerated() {
            activity.record(minute(index + 1), at: Timestamp(seconds: seconds, nanoseconds: 0))
            #expect(activity.minutes.count == 60 && activity.minutes.last?.accepted ?? 0 >= 1)
        }
    }

    @Test func chartShowsTheHighestMinuteAndNoZero() {
        let chart = StatusChart(name: "Alerts", kind: "accepted", values: [0, 1, 1000, 0]).html
        #expect(chart.contains("Alerts: 1001, at most 1000 a minute"))
        #expect(chart.contains(#"<rect x="12" y="0" width="5" height="40"/>"#))
        #expect(chart.contains(#"<rect x="6" y="39" width="5" height="1"/>"#), "a small value is visible")
        #expect(chart.components(separatedBy: "<rect").count == 4)
        let empty = StatusChart(name: "Alerts", kind: "accepted", values: []).html
        #expect(empty.contains("Alerts: 0<") && !empty.contains("style="))
    }
}
