import Libevent
import Testing

@testable import Alerts
@testable import Journaling
@testable import Posting
@testable import Relay

/// A dispatcher on a fake journal, with a room for each given severity.
@LoopActor
final class DispatcherBench {
    let journal = FakeJournal()
    let metrics = Metrics()
    let log = CollectedLog()
    let rooms: [Severity: RoomServer]
    var configuration: RelayConfiguration
    let dispatcher: Dispatcher

    init(
        _ severities: Severity..., crashGuard: CrashGuard = CrashGuard(HandlingFile(folder: nil)),
        change: (inout RelayConfiguration) -> Void = { _ in }
    ) throws {
        rooms = Dictionary(uniqueKeysWithValues: try severities.map { ($0, try RoomServer()) })
        configuration = RelayConfiguration(hooks: rooms.mapValues(\.hook))
        // A proxy of the machine that runs the tests must not be used.
        configuration.posting.noProxy = "*"
        configuration.posting.rateLimit = nil
        change(&configuration)
        dispatcher = Dispatcher(
            OutboundPlan(configuration: configuration, receivers: [:]),
            services: .init(journal: journal, crashGuard: crashGuard, abort: DeliveryAbort()), metrics: metrics,
            logger: log.logger)
    }

    func room(_ severity: Severity) throws -> RoomServer { try #require(rooms[severity]) }

    /// Appends a notification and dispatches it.
    @discardableResult
    func send(
        _ names: String..., status: AlertStatus = .firing, group: UInt64 = 1, to destination: Destination = .warning
    ) throws -> JournalID {
        let notification = try journal.append(names[0], status: status, group: group, to: destination)
        dispatcher.dispatch([notification])
        return notification.id
    }

    /// Applies the changed configuration.
    func reload(receivers: [ReceiverID: String] = [:]) {
        dispatcher.reconfigure(OutboundPlan(configuration: configuration, receivers: receivers))
    }

    func waitForDelivery(of ids: JournalID...) async throws {
        try await wait { Set(ids).isSubset(of: self.journal.delivered) }
    }

    /// Polls until the condition is true. The suite's time limit ends a wait that never succeeds.
    func wait(_ condition: @LoopActor () throws -> Bool) async throws {
        while try !condition() { try await Task.sleep(for: .milliseconds(2)) }
    }
}
