import DeliveryCore
import TestSupport
import Testing

@testable import Alerts
@testable import Journaling
@testable import Posting
@testable import Relay
@testable import Support

@Suite(.timeLimit(.minutes(1))) struct OutboundQueueRenderTests {
    // MARK: Forms

    @Test func formsOfOneNotification() async throws {
        let bench = try QueueBench()
        let notification = try bench.journal.append(
            "A0", "A1", "A2", "A3", "A4", "A5", "A6", "A7", "A8", "A9", "B0", "B1", "B2")
        let full = try await bench.show(bench.compose(notification))
        #expect(full.map { $0.attachments?.count } == [9], "eight cards and a list")
        let reduced = try await bench.show(bench.compose(notification, form: .reduced))
        #expect(reduced.map { $0.attachments?.count } == [9])
        let plain = try await bench.show(bench.compose(notification, form: .plain))
        #expect(plain.map { $0.attachments?.count } == [nil])
        #expect(plain[0].text.contains("B2"))
        let notice = try await bench.show(bench.compose(notification, form: .notice))
        #expect(notice.map { $0.attachments?.count } == [nil])
        #expect(notice[0].text.hasPrefix("🟠 WARNING this room refuses notification \(notification.id) in the form"))
        #expect(notice[0].text.hasSuffix("relay dead-letters show \(notification.id)"))
    }

    @Test func formsOfAFold() async throws {
        let bench = try QueueBench()
        let all = try (0..<30).map { try bench.journal.append("A\($0)", group: UInt64($0)) }
        func show(_ form: Form) async throws -> RoomServer.Post {
            let manifest = try #require(await bench.compose(all.map(\.entry), form: form))
            #expect(manifest.parts == 1 && manifest.foldedAlerts == 30)
            return try #require(try await bench.show(manifest).first)
        }
        let (full, plain) = (try await show(.full), try await show(.plain))
        #expect(full.text.contains("30 firing: ") && full.attachments?.isEmpty == false)
        #expect(plain.text.contains("30 firing: ") && plain.attachments == nil)
        #expect(try await show(.reduced).attachments?.isEmpty == false)
        #expect(try await show(.notice).text.contains("notification \(all[0].id) in the form"))
    }

    @Test func reducedFoldIsSmaller() async throws {
        var bench = try QueueBench()
        bench.settings.routes[QueueBench.hook] = QueueBench.route(to: bench.room) { $0.textLimit = 2_000 }
        let all = try (0..<40).map {
            try bench.journal.append("LongNameOfAnAlert\(String(repeating: "x", count: 60))\($0)")
        }
        var sizes: [Int] = []
        for form in [Form.full, .reduced] {
            let manifest = try #require(await bench.compose(all.map(\.entry), form: form))
            _ = try await bench.show(manifest)
            sizes.append(try #require(bench.room.requests.last).body.count)
        }
        #expect(sizes[1] < sizes[0])
    }

    // MARK: Banners

    @Test func bannerNamesTheOriginalRoom() async throws {
        var bench = try QueueBench()
        let notification = try bench.journal.append("A")
        func line(_ banner: Banner) async throws -> String {
            try #require(try await bench.show(bench.compose(notification, banner: banner)).first).firstLine
        }
        #expect(try await !line([]).contains("("))
        #expect(
            try await line(.rerouted).hasPrefix("🟠 WARNING (rerouted from warning, whose hook does not work) firing"))
        #expect(
            try await line([.rerouted, .refused])
                .hasPrefix("🟠 WARNING (rerouted from warning, whose room refuses it) firing"))
        #expect(try await !line(.refused).contains("("))
        bench.settings.receiver = "database"
        #expect(try await line(.rerouted).contains("(rerouted from database, whose"))
    }

    @Test func replayedMessageNamesItsTime() async throws {
        let bench = try QueueBench()
        let accepted = Timestamp(seconds: 1_795_453_440, nanoseconds: 0)
        let first = try bench.journal.append("A", acceptedAt: accepted)
        let second = try bench.journal.append("B")
        let words = "(replayed, accepted 2026-11-23 17:04 UTC)"
        #expect(try await bench.show(bench.compose(first, banner: .replayed))[0].firstLine.contains(words))
        #expect(try await bench.show(bench.compose(first, second, banner: .replayed))[0].firstLine.contains(words))
        #expect(try await !bench.show(bench.compose(first))[0].text.contains("replayed"))
    }

    // MARK: Repeats

    /// Records what it is asked to render.
    private struct RecordingTarget: Target {
        let target: any Target
        let batches = Locked<[RenderBatch]>([])

        func render(_ batch: RenderBatch) -> RenderedBatch {
            batches.withLock { $0.append(batch) }
            return target.render(batch)
        }

        func subject(of alerts: [Alert]) -> String { target.subject(of: alerts) }
        func followUp(_ subjects: [String], count: Int, channel: String?) -> [UInt8] {
            target.followUp(subjects, count: count, channel: channel)
        }
        func html(of body: [UInt8], in room: String) -> String { target.html(of: body, in: room) }
        func classify(_ result: DeliveryResult, now: Timestamp) -> PostReport { target.classify(result, now: now) }
        func advice(for outcome: DeliveryOutcome) -> String { target.advice(for: outcome) }
    }

    @Test func repeatsOfASingleNotificationArePassedOn() async throws {
        var bench = try QueueBench()
        let route = try #require(bench.settings.routes[QueueBench.hook])
        let target = RecordingTarget(target: route.target)
        bench.settings.routes[QueueBench.hook]?.target = target
        let (third, unknown) = (try bench.journal.append("A", repeats: 3), try bench.journal.append("A"))
        _ = try await bench.compose(third)
        _ = try await bench.compose(unknown)
        _ = try await bench.compose(third, unknown)
        bench.journal.kill(third)
        _ = try await bench.compose(bench.journal.replay(third.id), banner: .replayed)
        #expect(target.batches.withLock { $0.map(\.repeats) } == [3, nil, nil, nil])
    }

    // MARK: Replayed after a resolve

    /// Makes "A" and "B" a dead letter, then delivers the resolves of these alerts, and replays it.
    private func replayed(
        _ bench: QueueBench, resolved: [String], isForced: Bool = false, truncated: Int = 0
    ) throws -> Journaled<Alerts.Notification> {
        let accepted = Timestamp(seconds: 1_795_453_440, nanoseconds: 0)
        let letter = try bench.journal.append("A", "B", acceptedAt: accepted, truncated: truncated)
        bench.journal.kill(letter)
        for name in resolved {
            bench.journal.settle(try bench.journal.append(name, status: .resolved).id, as: .delivered)
        }
        return try bench.journal.replay(letter.id, isForced: isForced)
    }

    @Test func replayIsOverIfItsResolveWasShown() async throws {
        let bench = try QueueBench()
        let over = try replayed(bench, resolved: ["A", "B"])
        let manifest = try await bench.compose(over, banner: .replayed)
        #expect(manifest.over == [over.entry] && !manifest.isFiring)
        let post = try await bench.show(manifest)[0]
        #expect(post.firstLine.contains("(replayed, accepted 2026-11-23 17:04 UTC, resolved since)"))
        #expect(post.firstLine.hasPrefix("✅") && post.firstLine.contains("resolved") && !post.text.contains("firing"))
    }

    @Test func replayIsPartlyOverIfSomeResolvesWereShown() async throws {
        let bench = try QueueBench()
        let part = try replayed(bench, resolved: ["B"])
        let manifest = try await bench.compose(part, banner: .replayed)
        #expect(manifest.over.isEmpty && manifest.isFiring)
        let line = try await bench.show(manifest)[0].firstLine
        #expect(line.contains("1 firing") && line.contains("1 resolved") && !line.contains("resolved since"), "\(line)")
    }

    @Test func forcedReplayIsShownAsAccepted() async throws {
        let bench = try QueueBench()
        let forced = try replayed(bench, resolved: ["A", "B"], isForced: true)
        let manifest = try await bench.compose(forced, banner: .replayed)
        #expect(manifest.over.isEmpty && manifest.isFiring)
        let line = try await bench.show(manifest)[0].firstLine
        #expect(line.contains("firing") && !line.contains("resolved"), "\(line)")
    }

    /// Alerts that Alertmanager left out may still fire.
    @Test func truncatedReplayIsNeverOver() async throws {
        let bench = try QueueBench()
        let manifest = try await bench.compose(
            replayed(bench, resolved: ["A", "B"], truncated: 2), banner: .replayed)
        #expect(manifest.over.isEmpty && manifest.isFiring)
        #expect(try await !bench.show(manifest)[0].text.contains("resolved since"))
    }

    @Test func foldedReplaysAreOverTogetherOnly() async throws {
        let bench = try QueueBench()
        let over = try replayed(bench, resolved: ["A", "B"])
        let other = try bench.journal.append("C", group: 2)
        bench.journal.kill(other)
        let firing = try bench.journal.replay(other.id)
        let both = try await bench.compose(over, firing, banner: .replayed)
        #expect(both.over == [over.entry] && both.isFiring)
        #expect(try await !bench.show(both)[0].firstLine.contains("resolved since"))
        let more = try replayed(bench, resolved: ["B", "A"])
        let fold = try await bench.compose(over, more, banner: .replayed)
        #expect(fold.over == [over.entry, more.entry] && !fold.isFiring)
        #expect(try await bench.show(fold)[0].firstLine.contains("resolved since"))
    }

    /// The settlement of the resolve may still wait when the replay is composed.
    @Test func waitingSettlementsAreCommittedBeforeAReplayIsComposed() async throws {
        let bench = try QueueBench()
        let letter = try bench.journal.append("A")
        bench.journal.kill(letter)
        let resolve = try bench.journal.append("A", status: .resolved)
        let replayed = try bench.journal.replay(letter.id)
        let journal = bench.journal
        journal.script.withLock { $0.duringCommit = { journal.settle(resolve.id, as: .delivered) } }
        #expect(try await bench.compose(replayed, banner: .replayed).over == [replayed.entry])
        #expect(journal.commits == [[]])
        let other = try journal.append("B")
        _ = try await bench.compose(other)
        #expect(journal.commits == [[]], "other batches need no commit")
    }

    // MARK: Threads

    @Test func resolveIsCopiedIntoTheThread() async throws {
        var bench = try QueueBench()
        bench.settings.usesThreads = true
        bench.settings.routes[QueueBench.hook] = QueueBench.route(to: bench.room) { $0.textLimit = 500 }
        let names = (0..<60).map { "A\($0)" }
        let resolve = try bench.journal.append("A", status: .resolved)
        let manifest = try await bench.compose(resolve, thread: "thread1")
        #expect(manifest.parts == 2 && manifest.copies == 1)
        let posts = try await bench.show(manifest)
        #expect(posts.map(\.tmid) == [nil, "thread1"] && posts[0].text == posts[1].text)
        #expect(posts.allSatisfy { $0.separateResponse == nil })

        let large = try bench.journal.append(names[0], names[1], names[2], names[3], status: .resolved)
        let parts = try await bench.compose(large, form: .plain, thread: "thread1")
        #expect(parts.parts == parts.copies * 2)
        #expect(try await bench.show(parts).map { $0.tmid != nil }.filter { $0 }.count == parts.copies)

        let alone = try await bench.compose(resolve)
        #expect(alone.parts == 1 && alone.copies == 0, "no thread is known")
        #expect(try await bench.show(alone).map(\.separateResponse) == [nil])
        let notice = try await bench.compose(resolve, form: .notice, thread: "thread1")
        #expect(notice.copies == 0)
        #expect(try await bench.show(notice).map(\.tmid) == [nil])
    }

    @Test func firingAsksForItsID() async throws {
        var bench = try QueueBench()
        bench.settings.usesThreads = true
        let firing = try bench.journal.append("A")
        let cut = try bench.journal.append("A", status: .resolved, truncated: 3)
        #expect(try await bench.show(bench.compose(firing)).map(\.separateResponse) == [true])
        #expect(
            try await bench.show(bench.compose(cut, thread: "thread1")).map(\.separateResponse) == [true],
            "alerts that Alertmanager left out may still fire")
        #expect(try await bench.show(bench.compose(firing, form: .notice)).map(\.separateResponse) == [nil])
        let fold = try await bench.compose(firing, cut, thread: "thread1")
        #expect(fold.copies == 0)
        #expect(try await bench.show(fold).map(\.separateResponse) == [nil])
    }

    @Test func withoutThreadsNothingIsCopied() async throws {
        let bench = try QueueBench()
        let (firing, resolve) = (try bench.journal.append("A"), try bench.journal.append("A", status: .resolved))
        #expect(try await bench.show(bench.compose(firing)).map(\.separateResponse) == [nil])
        let manifest = try await bench.compose(resolve, thread: "thread1")
        #expect(manifest.parts == 1 && manifest.copies == 0)
        #expect(try await bench.show(manifest).map(\.tmid) == [nil])
    }

    // MARK: Names and subjects of a batch

    @Test func fiveNamesAreKept() async throws {
        let bench = try QueueBench()
        let first = try bench.journal.append("A", "B", "A", "C")
        let second = try bench.journal.append("C", "D", "E")
        let third = try bench.journal.append("A", "F", "B")
        let five = try await bench.compose(first, second)
        #expect(five.names == ["A", "B", "C", "D", "E"] && !five.hasMoreNames)
        let more = try await bench.compose(first, second, third)
        #expect(more.names == ["A", "B", "C", "D", "E"] && more.hasMoreNames)
    }

    @Test func subjectsOfResolvedGroupsAreKept() async throws {
        let bench = try QueueBench()
        let firing = try bench.journal.append("A", group: 1)
        let resolve = try bench.journal.append("B", "B2", status: .resolved, group: 2)
        let manifest = try await bench.compose(firing, resolve)
        #expect(manifest.resolved == [resolve.entry: "B, B2"])
    }

    @Test func subjectsAreBounded() async throws {
        let bench = try QueueBench()
        var ids: [EntryID] = []
        for number in 0..<260 {
            ids.append(try bench.journal.append("A", status: .resolved, group: UInt64(number)).entry)
        }
        let manifest = try #require(await bench.compose(ids))
        #expect(manifest.entries.count == 260)
        #expect(Set(manifest.resolved.keys) == Set(ids.prefix(256)))
    }
}
