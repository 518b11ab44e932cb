import Alerts
import DeliveryCore
import Journaling
import Posting

/// The last results of posts, for operators.
struct LastResults: Sendable {
    private(set) var answers: [HookID: (at: Timestamp, outcome: DeliveryOutcome)] = [:]
    private(set) var deliveries: [QueueID: (at: Timestamp, hook: HookID)] = [:]

    mutating func note(_ outcome: DeliveryOutcome, of hook: HookID) { answers[hook] = (.now(), outcome) }

    mutating func noteDelivery(of queue: QueueID, to hook: HookID) { deliveries[queue] = (.now(), hook) }
}

extension RoomStatus {
    /// The rooms of a running relay. Takes time proportional to the number of rooms.
    static func rooms(
        _ machine: DeliveryMachine, _ map: DeliveryMap, _ results: LastResults, _ journal: JournalSnapshot,
        at reading: MachineClock.Reading
    ) -> [RoomStatus] {
        rooms(of: map.destinations, journal).map { room, destinations in
            var room = room
            // The queues of a receiver have the same hook. The most urgent one with notifications represents it.
            let busy = destinations.first { journal.pending[map.destinations[$0], default: 0] > 0 }
            if let index = busy ?? destinations.first {
                room.describe(QueueID(index), machine, map, results, at: reading)
            }
            let deliveries = destinations.compactMap { results.deliveries[QueueID($0)] }
            if let last = deliveries.max(by: { $0.at < $1.at }), let index = destinations.first {
                room.lastDelivered = last.at
                let plan = map.topology.queues[index]
                let isOther = plan.routes.first != last.hook
                room.lastDeliveredTo = isOther ? map.settings[index].routes[last.hook]?.room : nil
            }
            return room
        }
    }

    private mutating func describe(
        _ queue: QueueID, _ machine: DeliveryMachine, _ map: DeliveryMap, _ results: LastResults,
        at reading: MachineClock.Reading
    ) {
        let settings = map.settings[queue.index]
        guard let first = map.topology.queues[queue.index].routes.first, let route = settings.routes[first] else {
            return
        }
        hook = Hook(first, route, machine, at: reading)
        if route.room != name { borrowed = route.room }
        if let substitute = machine.substitute(of: queue), let other = settings.routes[substitute] {
            fallback = other.room
            fallbackHook = Hook(substitute, other, machine, at: reading)
        }
        guard let last = results.answers[first] else { return }
        answer = Answer(
            at: last.at, text: last.outcome.detail ?? "accepted the message",
            advice: last.outcome.reason == nil ? nil : route.target.advice(for: last.outcome))
    }
}

extension RoomStatus.Hook {
    fileprivate init?(
        _ hook: HookID, _ route: QueueSettings.Route, _ machine: DeliveryMachine, at reading: MachineClock.Reading
    ) {
        guard let status = machine.status(of: hook, at: reading.steady) else { return nil }
        let wall = { (instant: Instant) in Timestamp(nanosecondsSince1970: reading.wall(of: instant)) }
        integration = route.hook.integration
        state = RoomStatus.State(status)
        isBroken = status.health == .broken
        failingSince = status.unhealthySince.map(wall)
        nextPost = status.nextPost > reading.steady && !status.isPosting ? wall(status.nextPost) : nil
        limit = status.limit.map { "\($0.posts)/\(Quantity.text(Duration($0.window)))" }
        postsLeft = status.postsLeft
        followUps = status.followUps
    }
}

extension RoomStatus.State {
    fileprivate init(_ status: HookStatus) {
        self =
            switch (status.condition, status.health) {
            case (.suspended, _): .suspended
            case (.probing, _): .probing
            case (_, .failing), (_, .broken): .failing
            case (_, .throttled): .throttled
            case (_, .working): status.postsLeft == 0 ? .budgetSpent : .working
            }
    }
}
