import Foundation
import TestSupport
import Testing

/// Posts firing and resolved notifications in sequence and retries each until the response is 200, as Alertmanager
/// does.
final class Sender: @unchecked Sendable {
    // @unchecked because every property is accessed only with the lock held.
    private let lock = NSLock()
    private var port: UInt16 = 0
    private var isStopped = false
    private var acknowledged: [(number: Int, status: String)] = []
    private let group: Int
    private let finished = DispatchSemaphore(value: 0)

    init(group: Int) {
        self.group = group
    }

    func start(port: UInt16) {
        lock.withLock { (self.port, isStopped) = (port, false) }
        Thread { self.run() }.start()
    }

    /// Stops the thread and waits for its end.
    func stop() {
        lock.withLock { isStopped = true }
        finished.wait()
    }

    var accepted: [(number: Int, status: String)] { lock.withLock { acknowledged } }

    private func run() {
        defer { finished.signal() }
        let port = lock.withLock { self.port }
        var client = Client(port: port)
        while !lock.withLock({ isStopped }) {
            let next = accepted.count
            // A folded message names at most some dozens of alerts.
            if next.isMultiple(of: 4), Self.pending(client) > 30 {
                poll(nil, 0, 2)
                continue
            }
            let status = next.isMultiple(of: 2) ? "firing" : "resolved"
            let severity = group.isMultiple(of: 2) ? "critical" : "info"
            let body = Self.body(next / 2, group: group, severity: severity, status: status)
            if client.request("POST", "/webhook", body: body)?.status == 200 {
                lock.withLock { acknowledged.append((next / 2, status)) }
            } else {
                client = Client(port: port)
                poll(nil, 0, 2)
            }
        }
    }
}

extension Sender {
    /// The name of an alert, by which a folded message lists it.
    static func name(_ number: Int, group: Int) -> String { "Numbered\(group)x\(number)x" }

    private static func body(_ number: Int, group: Int, severity: String, status: String) -> [UInt8] {
        let body = numbered(number, group: group, severity: severity, status: status)
        return Array(String(decoding: body, as: UTF8.self).replacing("Numbered", with: name(number, group: group)).utf8)
    }

    /// The number of notifications in the journal; 0 if the relay does not answer.
    private static func pending(_ client: Client) -> Double {
        let lines = client.request("GET", "/metrics")?.body.split(separator: "\n") ?? []
        return lines.reduce(0) { sum, line in
            guard line.hasPrefix("relay_journal_pending{") else { return sum }
            return sum + (line.split(separator: " ").last.flatMap { Double($0) } ?? 0)
        }
    }
}

@Suite(.serialized, .timeLimit(.minutes(15)))
struct CrashTests {
    /// Kills the relay at varying times. Every notification answered with 200 must be in a room at the end.
    @Test func twentyKillsUnderLoadLoseNothingAndKeepTheOrder() throws {
        let rig = try Rig()
        let senders = (0..<8).map { Sender(group: $0) }
        for cycle in 0..<20 {
            for sender in senders { sender.start(port: rig.port) }
            let before = senders.reduce(0) { $0 + $1.accepted.count }
            let goal = before + 20 + cycle * 7
            #expect(eventually { senders.reduce(0) { $0 + $1.accepted.count } >= goal })
            rig.relay.killNow()
            for sender in senders { sender.stop() }
            try rig.restart()
        }
        #expect(try eventually(within: 120) { try rig.metricSum("relay_journal_pending") == 0 })
        let messages = try rig.messages()
        let places = Self.firstPlaces(messages)
        // On a busy machine the room is slow, so that some messages are folded. They show the latest states.
        let folded = messages.map(\.whole).filter { $0.contains("notifications folded into one") }.joined()
        var lost = 0
        var misordered = 0
        for (group, sender) in senders.enumerated() {
            for (number, status) in sender.accepted {
                guard let place = places["\(group)/\(number)/\(status)"] else {
                    if !folded.contains(Sender.name(number, group: group)) { lost += 1 }
                    continue
                }
                if status == "resolved", let firing = places["\(group)/\(number)/firing"], firing > place {
                    misordered += 1
                }
            }
        }
        let accepted = senders.reduce(0) { $0 + $1.accepted.count }
        #expect(lost == 0, "of \(accepted) accepted")
        #expect(misordered == 0, "of \(accepted) accepted")
        // A delivery is on disk before the hook's next post, so a kill repeats at most one post per hook. In addition,
        // each sender may repeat one webhook whose response it did not receive.
        #expect(messages.count - accepted <= 2 * 20 + 8, "\(messages.count) delivered of \(accepted) accepted")
        #expect(try rig.metricSum("relay_dead_letters") == 0)
    }

    private static func firstPlaces(_ messages: [Recorded]) -> [String: Int] {
        var places: [String: Int] = [:]
        for (place, message) in messages.enumerated() {
            guard let number = message.fields["number"]?.dropFirst().dropLast(),
                let group = message.fields["group"]?.dropFirst().dropLast()
            else { continue }
            let status = message.text.contains("resolved") ? "resolved" : "firing"
            places["\(group)/\(number)/\(status)"] = min(place, places["\(group)/\(number)/\(status)"] ?? place)
        }
        return places
    }

    @Test func aBacklogLargerThanTheWindowIsDeliveredInOrderAfterAKill() throws {
        let rig = try Rig()
        rig.setFault(#"{"mode":"hang"}"#)
        let client = Client(port: rig.port)
        for number in 0..<1500 {
            #expect(client.request("POST", "/webhook", body: numbered(number, severity: "warning"))?.status == 200)
        }
        rig.relay.killNow()
        rig.heal()
        try rig.restart()
        #expect(try eventually(within: 120) { try rig.metricSum("relay_journal_pending") == 0 })
        #expect(rig.metric(#"relay_notifications_total{severity="warning"}"#) == 1500)
        #expect(try rig.metricSum("relay_dead_letters") == 0)
        let messages = try rig.messages(hook: "warning")
        let numbers = messages.compactMap { $0.fields["number"].flatMap { Int($0.dropFirst().dropLast()) } }
        // On a busy machine the room is slow, so that some messages have many of the notifications.
        #expect(numbers.first == 0 && numbers == numbers.sorted() && Set(numbers).count == numbers.count)
        #expect(messages.last?.whole.contains("n1499x") == true)
    }

    /// A post whose response is lost is repeated, and the possible duplicate is counted.
    @Test func lostResponseCausesOneCountedDuplicate() throws {
        let rig = try Rig()
        rig.setFault(#"{"hook":"critical","mode":"recordThenReset","times":1}"#)
        rig.post(numbered(1))
        #expect(try rig.waitForMessages(2).count == 2)
        #expect(rig.metric(#"relay_possible_duplicates_total{severity="critical"}"#) == 1)
    }

    @Test(
        .enabled(if: getuid() == 0, "mounting a small file system needs root"))
    func fullDiskGives503AndRecovers() throws {
        let folder = TemporaryFolder()
        let mount = try Program("mount", ["-t", "tmpfs", "-o", "size=24m", "tmpfs", folder.path])
        try #require(mount.exitCode() == 0, "\(mount.output)")
        defer { _ = try? Program("umount", ["-l", folder.path]).exitCode() }
        let rig = try Rig(storage: folder.path + "/spool", environment: ["RELAY_JOURNAL_LIMIT": "64MiB"])
        #expect(rig.post(numbered(0))?.status == 200)
        // Another program fills the disk.
        let filler = folder.path + "/filler"
        let fill = try Program("/bin/sh", ["-c", "cat /dev/zero > \(filler)"])
        _ = fill.exitCode()
        var accepted = 1
        let isRefused = eventually {
            let status = rig.post(numbered(accepted, padding: 100_000))?.status
            if status == 200 { accepted += 1 }
            return status == 503
        }
        #expect(isRefused)
        let refusal = rig.post(numbered(100_000))
        #expect(refusal?.status == 503)
        #expect(refusal?.headers["retry-after"] != nil)
        let ready = rig.get("/-/ready")
        #expect(ready?.status == 503)
        #expect(ready?.body.contains("disk is full") == true)
        #expect(rig.get("/health")?.status == 200)
        try FileManager.default.removeItem(atPath: filler)
        #expect(eventually { rig.get("/-/ready")?.status == 200 })
        #expect(eventually { rig.post(numbered(200_000))?.status == 200 })
        #expect(try rig.waitForMessages(accepted + 1).count == accepted + 1)
        #expect(rig.relay.isRunning)
    }

    /// The relay must start after a kill on a disk that its own spool has filled. Needs root to mount a small disk.
    @Test(.enabled(if: geteuid() == 0), arguments: [8, 24, 40])
    func relayStartsAndDrainsOnADiskThatTheSpoolFilled(mebibytes: Int) throws {
        let folder = TemporaryFolder()
        let mount = try Program("mount", ["-t", "tmpfs", "-o", "size=\(mebibytes)m", "tmpfs", folder.path])
        try #require(mount.exitCode() == 0, "\(mount.output)")
        defer { _ = try? Program("umount", ["-l", folder.path]).exitCode() }
        let rig = try Rig(storage: folder.path + "/spool")
        rig.setFault(#"{"mode":"hang"}"#)
        var accepted = 0
        let isRefused = eventually {
            let status = rig.post(numbered(accepted, group: accepted, padding: 100_000))?.status
            if status == 200 { accepted += 1 }
            return status == 503
        }
        #expect(isRefused && accepted > 0)
        rig.relay.killNow()
        rig.heal()
        try rig.restart()
        #expect(try eventually { try rig.metricSum("relay_journal_pending") == 0 })
        #expect(rig.relay.isRunning)
    }

    @Test func journalAtItsLimitGives503AndRecovers() throws {
        let rig = try Rig(environment: ["RELAY_JOURNAL_LIMIT": "4MiB"])
        rig.setFault(#"{"mode":"hang"}"#)
        var accepted = 0
        #expect(
            eventually {
                let status = rig.post(numbered(accepted, padding: 200_000))?.status
                if status == 200 { accepted += 1 }
                // A checkpoint can free space in between.
                return status == 503 && rig.get("/-/ready")?.body.contains("size limit") == true
            })
        #expect(accepted > 5)
        rig.heal()
        #expect(eventually { rig.get("/-/ready")?.status == 200 })
        #expect(rig.post(numbered(100_000))?.status == 200)
        #expect(try rig.waitForMessages(accepted + 1).count == accepted + 1)
    }

    /// Notifications in a lost write-ahead log must be reported as missing.
    @Test(arguments: ["cut", "deleted", "both deleted"])
    func notificationsOfALostLogAreCounted(how: String) throws {
        let folder = TemporaryFolder()
        let rig = try Rig(storage: folder.path)
        rig.setFault(#"{"mode":"hang"}"#)
        for number in 0..<40 { #expect(rig.post(numbered(number))?.status == 200) }
        rig.relay.killNow()
        let log = folder.path + "/spool.db-wal"
        if how == "cut" {
            let whole = try Data(contentsOf: URL(filePath: log))
            try whole.prefix(whole.count / 2).write(to: URL(filePath: log))
        } else {
            try FileManager.default.removeItem(atPath: log)
        }
        if how == "both deleted" { try FileManager.default.removeItem(atPath: folder.path + "/spool.db") }
        try rig.restart()
        let missing = try #require(rig.metric("relay_journal_missing_notifications"))
        #expect(try missing > 0 && Int(missing) + Int(rig.metricSum("relay_journal_pending")) == 40)
        let ready = try #require(rig.get("/-/ready"))
        #expect(ready.status == 200 && ready.body.contains("\(Int(missing)) acknowledged notifications are missing"))
        #expect(ready.body.contains(#""missing":"\#(Int(missing))""#), "\(ready.body)")
        #expect(rig.relay.writes("missing=\(Int(missing))"))
        // A kill keeps the report; an orderly stop resets it.
        rig.relay.killNow()
        try rig.restart()
        #expect(rig.metric("relay_journal_missing_notifications") == missing)
        rig.heal()
        #expect(rig.post(numbered(1000))?.status == 200)
        #expect(try eventually { try rig.metricSum("relay_journal_pending") == 0 })
        rig.relay.send(SIGTERM)
        #expect(rig.relay.exitCode() == 0)
        try rig.restart()
        #expect(rig.metric("relay_journal_missing_notifications") == 0)
    }

    /// A failed fsync may have lost pages: the response is not 200, the process exits, and the next one recovers.
    @Test func failedFsyncEndsTheProcessWithoutLoss() throws {
        let rig = try Rig()
        #expect(rig.post(numbered(1))?.status == 200)
        #expect(try rig.waitForMessages(1).count == 1)
        let id = rig.relay.id
        let strace = try Program(
            "strace", ["-f", "-p", "\(id)", "-e", "trace=fdatasync,fsync", "-e", "inject=fdatasync,fsync:error=EIO"])
        try #require(eventually { strace.output.contains("attached") || !strace.isRunning })
        try #require(strace.isRunning, "strace cannot attach here: \(strace.output)")
        let answer = rig.post(numbered(2))
        #expect(answer == nil || answer?.status == 503)
        #expect(rig.relay.exitCode() == 1)
        strace.killNow()
        try rig.restart()
        #expect(rig.post(numbered(2))?.status == 200)
        // The refused notification may be in the journal too, if it reached the disk.
        #expect(try eventually { try rig.messages().contains { $0.whole.contains("n2x") } })
    }
}
