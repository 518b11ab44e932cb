import Alerts
import DeliveryCore
import Journaling
import RocketChat
import SQLiteJournal

/// What is configured, and the names of the receivers that the journal knows: those configured, and those for whom it
/// still holds something.
struct OutboundPlan: Sendable {
    var configuration: RelayConfiguration
    var receivers: [ReceiverID: String]

    /// The names of configured receivers that the journal does not know: they have no queues.
    var unregistered: [String] {
        let known = Set(receivers.values)
        return configuration.receivers.map(\.name).filter { !known.contains($0) }
    }
}

/// How one queue is delivered, beside what the machine knows of it.
struct QueueSettings: Sendable {
    /// The way to one hook.
    struct Route: Sendable {
        var hook: HookURL
        /// Whose room it is: a severity's name or a receiver's.
        var room: String
        var renderer: MessageRenderer
        var posting: DelivererSettings
    }

    /// The receiver's name; nil for a severity's own queue.
    var receiver: String?
    var routes: [HookID: Route] = [:]
    /// A firing that is older, and resolved since, is not told any more.
    var maxAge = Duration.seconds(24 * 3600)
    /// Put a resolve into the thread of its firing too, where the server tells messages' ids.
    var usesThreads = false
}

/// Hooks and destinations as the machine numbers them, and how each queue is delivered. Numbers stay for the life of the
/// process, and so does a hook's budget.
///
/// No queue ever goes: what is accepted for a receiver that is configured no more is posted to its severity's room.
struct DeliveryMap: Sendable {
    private(set) var hooks: [HookURL] = []
    private(set) var destinations: [Destination] = []
    private(set) var settings: [QueueSettings] = []
    private(set) var topology = Topology(limits: [], queues: [])
    private var numbers: [Destination: QueueID] = [:]

    init(_ plan: OutboundPlan) { adopt(plan) }

    func queue(_ destination: Destination) -> QueueID? { numbers[destination] }

    /// Whether each destination's own hook is posted to.
    func conditions(by machine: DeliveryMachine) -> [(destination: Destination, condition: HookCondition)] {
        zip(destinations, topology.queues).map { destination, plan in
            (destination, plan.routes.first.map(machine.condition(of:)) ?? .suspended)
        }
    }

    mutating func adopt(_ plan: OutboundPlan) {
        for destination in Destination.all(with: plan.receivers.keys).sorted() where numbers[destination] == nil {
            numbers[destination] = QueueID(destinations.count)
            destinations.append(destination)
        }
        var limits: [HookURL: Set<RateLimit?>] = [:]
        settings = []
        topology.queues = []
        for destination in destinations {
            let itinerary = Itinerary(destination, plan)
            var queue = QueueSettings(
                receiver: plan.receivers[destination.receiver], maxAge: plan.configuration.maxAge,
                usesThreads: plan.configuration.usesThreads)
            var routes: [HookID] = []
            for stop in itinerary.stops {
                let hook = number(stop.hook)
                routes.append(hook)
                queue.routes[hook] = QueueSettings.Route(
                    hook: stop.hook, room: stop.room,
                    renderer: MessageRenderer(settings: stop.posting.renderSettings),
                    posting: stop.posting.delivererSettings)
                limits[stop.hook, default: []].insert(stop.posting.rateLimit)
            }
            settings.append(queue)
            topology.queues.append(
                QueuePlan(
                    urgency: Int(destination.severity.rank), routes: routes,
                    failoverDelay: Interval(itinerary.failoverDelay)
                ))
        }
        topology.limits = zip(hooks, topology.limits + Array(repeating: nil, count: hooks.count)).map { hook, before in
            limits[hook].map(Self.slowest) ?? before
        }
    }

    private mutating func number(_ hook: HookURL) -> HookID {
        if let index = hooks.firstIndex(of: hook) { return HookID(index) }
        hooks.append(hook)
        return HookID(hooks.count - 1)
    }

    /// Rocket.Chat counts by hook: one that is named with several limits keeps to the fewest posts in the longest window.
    private static func slowest(_ limits: Set<RateLimit?>) -> PostLimit? {
        let limits = limits.compactMap(\.self)
        guard let posts = limits.map(\.posts).min(), let window = limits.map(\.window).max() else { return nil }
        return PostLimit(posts: posts, per: Interval(window))
    }
}

/// The rooms that may carry one destination's messages, the best first.
private struct Itinerary {
    struct Stop {
        var hook: HookURL
        var room: String
        var posting: PostingSettings
    }

    private(set) var stops: [Stop] = []
    let failoverDelay: Duration

    init(_ destination: Destination, _ plan: OutboundPlan) {
        let (configuration, severity) = (plan.configuration, destination.severity)
        let name = plan.receivers[destination.receiver]
        let receiver = configuration.receivers.first { $0.name == name }
        failoverDelay = receiver?.fallbackAfter ?? configuration.fallbackAfter[severity] ?? .seconds(300)
        if let receiver, let hook = receiver.hook {
            stops.append(Stop(hook: hook, room: receiver.name, posting: receiver.posting))
        }
        var rooms = configuration.rooms(for: severity)
        // Rooms of other people come after the one that is for what goes astray.
        if !stops.isEmpty, let fallback = rooms.firstIndex(of: .fallback) {
            rooms.insert(rooms.remove(at: fallback), at: 0)
        }
        if !configuration.usesOtherRooms {
            // A severity has the fallback's room to turn to; a receiver that, or else its severity's.
            rooms = rooms.enumerated().filter { $0.offset == 0 || $0.element == .fallback }.map(\.element)
        }
        for room in rooms {
            guard let hook = configuration.hooks[room], !stops.contains(where: { $0.hook == hook }) else { continue }
            let posting = stops.isEmpty ? receiver?.posting : nil
            stops.append(Stop(hook: hook, room: room.rawValue, posting: posting ?? configuration.posting))
        }
    }
}
