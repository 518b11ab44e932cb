@testable import DeliveryCore
import TestSupport
import Testing

@testable import Alerts
@testable import Journaling
@testable import Posting
@testable import Relay
@testable import RocketChat

/// A delivery audit with its metrics and log, for a map with the hooks of two severities and of one receiver.
struct AuditBench {
    static let url = "https://chat.example.com/hooks/"

    let metrics = Metrics()
    let log = CollectedLog()
    let map: DeliveryMap
    /// The queue of warnings: its own hook, and the fallback's.
    let warnings: QueueID
    let own: HookID
    let fallback: HookID
    /// The receiver's queue of warnings.
    let receivers: QueueID
    let receiversHook: HookID
    var audit: DeliveryAudit

    init(crashGuard: CrashGuard = CrashGuard(HandlingFile(folder: nil))) throws {
        var configuration = RelayConfiguration(hooks: [
            .warning: try HookURL(Self.url + "warningID/token"), .fallback: try HookURL(Self.url + "fallbackID/token"),
        ])
        var receiver = ReceiverConfiguration(name: "database", matchers: [], posting: PostingSettings())
        receiver.hook = try HookURL(Self.url + "databaseID/token")
        configuration.receivers = [receiver]
        let id = ReceiverID(rawValue: 1)
        map = DeliveryMap(OutboundPlan(configuration: configuration, receivers: [id: "database"]))
        warnings = try #require(map.queue(.warning))
        (own, fallback) = (map.topology.queues[warnings.index].routes[0], map.topology.queues[warnings.index].routes[1])
        receivers = try #require(map.queue(Destination(receiver: id, severity: .warning)))
        receiversHook = map.topology.queues[receivers.index].routes[0]
        audit = DeliveryAudit(crashGuard: crashGuard, metrics: metrics, logger: log.logger)
    }

    mutating func note(_ fact: Fact) { audit.note(fact, map) }

    /// Reports the end of a post, by default of the queue of warnings.
    mutating func post(
        _ outcome: DeliveryOutcome?, number: Int = 1, at hook: HookID? = nil, of queue: QueueID? = nil
    ) {
        let queue = queue ?? warnings
        var report = PostReport.notSent
        if let outcome { report = PostReport(outcome: outcome, result: outcome.result(reachedServer: true)) }
        audit.note(report, of: queue)
        note(
            .posted(
                Attempt(
                    queue: queue, hook: hook ?? own, form: .full, part: 0, entries: 3, number: number,
                    took: .milliseconds(250), result: report.result)))
    }

    /// The exposition lines of all series with a nonzero value.
    func counted(without hidden: String...) -> [String] {
        metrics.text().text.split(separator: "\n").map(String.init).filter { line in
            !line.hasPrefix("#") && !line.hasSuffix(" 0") && !line.contains("_bucket{")
                && !hidden.contains { line.hasPrefix($0) }
        }
    }
}

extension Manifest {
    /// Returns a manifest of notifications with these IDs, accepted `age` seconds ago.
    static func of(
        _ ids: JournalID..., acceptedAgo age: Int64 = 0, change: (inout Manifest) -> Void = { _ in }
    ) throws -> Manifest {
        let journal = FakeJournal()
        var manifest = Manifest()
        for id in ids {
            var entry = DeliveryBatch.Entry(try journal.append("A"))
            entry.id = id
            entry.acceptedAt = Timestamp.now().advanced(bySeconds: -age)
            manifest.entries.append(entry)
        }
        change(&manifest)
        return manifest
    }
}
