import Alerts
import DeliveryCore
import Posting

/// The configuration, and the receivers in the journal: those configured, and those with remaining notifications.
struct OutboundPlan: Sendable {
    var configuration: RelayConfiguration
    var receivers: [ReceiverID: String]

    /// The configured receivers that the journal does not have. They have no queues.
    var unregistered: [String] {
        let known = Set(receivers.values)
        return configuration.queuedReceivers.filter { !known.contains($0) }
    }
}

/// The settings of one queue beyond those of the machine.
struct QueueSettings: Sendable {
    /// How to post to one hook.
    struct Route: Sendable {
        var hook: HookURL
        /// The name of the room: a severity or a receiver.
        var room: String
        var target: any Target
        var posting: DelivererSettings
    }

    /// The receiver name; nil for the queue of a severity.
    var receiver: String?
    var routes: [HookID: Route] = [:]
    /// An older firing notification is dropped if it has been resolved.
    var maxAge = Duration.seconds(24 * 3600)
    /// Whether to post a resolve also in the thread of its firing alert, if the server returns message IDs.
    var usesThreads = false
    /// Who is mentioned by the first message on a newly firing alert.
    var mentions: [String] = []
    var mentionsWhenRerouted = false
    /// Applies to the first route only: other integrations may not allow it.
    var channels = ChannelRule()
}

/// Maps hooks and destinations to the numbers of the machine, with the settings of each queue. Numbers and rate budgets
/// of hooks are stable for the life of the process.
///
/// Queues are never removed. Notifications of a removed receiver are posted to the room of their severity.
struct DeliveryMap: Sendable {
    private(set) var hooks: [HookURL] = []
    private(set) var destinations: [Destination] = []
    private(set) var settings: [QueueSettings] = []
    private(set) var topology = Topology(limits: [], queues: [])
    private var numbers: [Destination: QueueID] = [:]

    init(_ plan: OutboundPlan) { adopt(plan) }

    func queue(_ destination: Destination) -> QueueID? { numbers[destination] }

    /// Whether the primary hook of each destination gets posts.
    func conditions(by machine: DeliveryMachine) -> [(destination: Destination, condition: HookCondition)] {
        zip(destinations, topology.queues).map { destination, plan in
            (destination, plan.routes.first.map(machine.condition(of:)) ?? .suspended)
        }
    }

    /// The first route of each destination.
    var firstRoutes: [Destination: QueueSettings.Route] {
        var routes: [Destination: QueueSettings.Route] = [:]
        for (index, destination) in destinations.enumerated() {
            routes[destination] = topology.queues[index].routes.first.flatMap { settings[index].routes[$0] }
        }
        return routes
    }

    /// The channel of follow-ups at a hook, if the queues of all have the same and post to the hook first.
    func channel(of followUps: [FollowUp], at hook: HookID) -> String? {
        let channels = Set(
            followUps.map { followUp -> String? in
                let index = followUp.queue.index
                guard topology.queues[index].routes.first == hook, settings[index].channels.label == nil else {
                    return nil
                }
                return settings[index].channels.channel
            })
        return channels.count == 1 ? channels.first ?? nil : nil
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
            let receiver = plan.configuration.receivers.first { $0.name == queue.receiver && !$0.drops }
            queue.mentions = plan.configuration.mentions(for: destination.severity, receiver)
            queue.mentionsWhenRerouted = plan.configuration.mentionsWhenRerouted
            queue.channels = plan.configuration.channelRule(for: destination.severity, receiver)
            var routes: [HookID] = []
            for stop in itinerary.stops {
                let hook = number(stop.hook)
                routes.append(hook)
                queue.routes[hook] = QueueSettings.Route(
                    hook: stop.hook, room: stop.room,
                    target: stop.posting.target(for: stop.hook), posting: stop.posting.delivererSettings)
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

    /// Servers count posts by hook. A hook with several limits gets the fewest posts in the longest window.
    private static func slowest(_ limits: Set<RateLimit?>) -> PostLimit? {
        let limits = limits.compactMap(\.self)
        guard let posts = limits.map(\.posts).min(), let window = limits.map(\.window).max() else { return nil }
        return PostLimit(posts: posts, per: Interval(window))
    }
}

/// The rooms for the messages of one destination, in order of preference.
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
        let receiver = configuration.receivers.first { $0.name == name && !$0.drops }
        failoverDelay = receiver?.fallbackAfter ?? configuration.fallbackAfter[severity] ?? .seconds(300)
        if let receiver, let hook = receiver.hook {
            stops.append(Stop(hook: hook, room: receiver.name, posting: receiver.posting))
        }
        var rooms = configuration.rooms(for: severity)
        // The fallback room precedes the rooms of other severities.
        if !stops.isEmpty, let fallback = rooms.firstIndex(of: .fallback) {
            rooms.insert(rooms.remove(at: fallback), at: 0)
        }
        if !configuration.usesOtherRooms {
            // Otherwise keep the first of these rooms and the fallback.
            rooms = rooms.enumerated().filter { $0.offset == 0 || $0.element == .fallback }.map(\.element)
        }
        for room in rooms {
            guard let hook = configuration.hooks[room], !stops.contains(where: { $0.hook == hook }) else { continue }
            let posting = stops.isEmpty ? receiver?.posting : nil
            stops.append(Stop(hook: hook, room: room.rawValue, posting: posting ?? configuration.posting))
        }
    }
}
