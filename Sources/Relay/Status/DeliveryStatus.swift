import Alerts
import Journaling

/// What waits for delivery, for which room, since when and why, at one moment. The status page, its API and
/// `relay pending` show it.
struct DeliveryStatus: Sendable, Equatable {
    var at: Timestamp
    /// Severities by urgency, then receivers.
    var rooms: [RoomStatus]
    /// False if it was read from the spool of a stopped relay, which knows no states of hooks.
    var isRunning = true
    var isDraining = false
    /// Why webhooks are refused; nil if they are accepted.
    var refusal: String?
    /// The severities that a nearly full journal refuses.
    var refusedSeverities: [Severity] = []
    /// A problem of the spool that an operator should check.
    var degraded: String?
    /// What happened in each of the last minutes, oldest first; empty for a stopped relay.
    var activity: [Activity.Minute] = []

    var waiting: Int { rooms.reduce(0) { $0 + $1.waiting } }
    var oldest: Timestamp? { rooms.compactMap(\.oldest).min() }
    var deadLetters: Int { rooms.reduce(0) { $0 + $1.deadLetters } }

    /// Whether everything is delivered, in one sentence.
    var headline: String {
        var parts: [String] = []
        if waiting > 0 {
            let since = oldest.map { ", the oldest for \(max(.zero, at.since($0)).humanized)" } ?? ""
            parts.append("\(counted(waiting, "notification")) \(waiting == 1 ? "waits" : "wait")\(since)")
        }
        if deadLetters > 0 { parts.append(counted(deadLetters, "dead letter")) }
        if parts.isEmpty { parts.append("Everything accepted is delivered") }
        let failing = failingRooms
        if failing.count == 1 { parts.append("the hook of \(failing[0]) does not work") }
        if failing.count > 1 { parts.append("the hooks of \(failing.count) rooms do not work") }
        if let refusal { parts.append("webhooks are refused: \(refusal)") }
        return parts.joined(separator: "; ") + "."
    }

    /// The rooms whose own hook does not work.
    private var failingRooms: [String] {
        rooms.filter { $0.state?.isFailure == true && $0.borrowed == nil }.map(\.name)
    }

    /// How much attention the status needs.
    var level: Level {
        if refusal != nil || deadLetters > 0 || !failingRooms.isEmpty { return .bad }
        return waiting > 0 || degraded != nil || !refusedSeverities.isEmpty ? .busy : .good
    }

    enum Level: String {
        case good, busy, bad
    }

    func counted(_ count: Int, _ noun: String) -> String { "\(count) \(noun)\(count == 1 ? "" : "s")" }
}

/// One room: a severity's or a receiver's.
struct RoomStatus: Sendable, Equatable {
    /// The pending notifications of one severity.
    struct Queue: Sendable, Equatable {
        var destination: Destination
        var waiting: Int
        var oldest: Timestamp?
    }

    enum State: String, Sendable {
        case working
        /// Works, but the budget allows no post now.
        case budgetSpent = "budget spent"
        /// The server refuses posts because of their rate.
        case throttled
        case failing
        /// One post tests whether it works again.
        case probing
        /// Only tests are posted, at intervals.
        case suspended

        var isFailure: Bool { self == .failing || self == .probing || self == .suspended }
    }

    /// The state of the room's own hook.
    struct Hook: Sendable, Equatable {
        /// Names the integration without its token.
        var integration: String
        var state: State
        /// An operator must repair it.
        var isBroken = false
        var failingSince: Timestamp?
        /// When the next post may leave; nil if now.
        var nextPost: Timestamp?
        /// `10/60s`; nil without a limit.
        var limit: String?
        var postsLeft: Int?
        /// Resolves that other rooms showed and that this room will be notified of.
        var followUps = 0
    }

    /// The server's last response to a post.
    struct Answer: Sendable, Equatable {
        var at: Timestamp
        var text: String
        /// What an operator can do; nil if nothing is wrong.
        var advice: String?
    }

    /// The name of the severity or receiver.
    var name: String
    var isReceiver = false
    /// Those with notifications, most urgent first.
    var queues: [Queue] = []
    var deadLetters = 0
    /// Nil for a stopped relay.
    var hook: Hook?
    /// The room whose hook it uses, because it has none of its own.
    var borrowed: String?
    /// The room that its messages go to now; nil for the first one.
    var fallback: String?
    /// The state of that room's hook.
    var fallbackHook: Hook?
    var lastDelivered: Timestamp?
    /// The room of that delivery, if it was not the first one.
    var lastDeliveredTo: String?
    var answer: Answer?
    /// The first distinct names of the alerts that wait. Only `relay pending` reads them.
    var alerts: [String] = []

    var waiting: Int { queues.reduce(0) { $0 + $1.waiting } }
    var oldest: Timestamp? { queues.compactMap(\.oldest).min() }
    var state: State? { hook?.state }

    /// Why notifications wait or go to another room, in one sentence; nil if there is nothing to explain.
    func reason(at now: Timestamp) -> String? {
        guard let hook else { return waiting > 0 ? "The relay is not running." : nil }
        guard let fallback else { return waiting > 0 || hook.state.isFailure ? reason(hook, now) : nil }
        let budget = fallbackHook.flatMap { waiting > 0 ? reason($0, now) : nil }.map { " There: \($0)" } ?? ""
        let failure = hook.state.isFailure ? reason(hook, now) : "It returns to its own room with the next message."
        return "Its messages go to \(fallback). \(failure)\(budget)"
    }

    private func reason(_ hook: Hook, _ now: Timestamp) -> String {
        let since = hook.failingSince.map { " for \(max(.zero, now.since($0)).humanized)" } ?? ""
        let next =
            hook.nextPost.map { "in \(max(.seconds(1), $0.since(now)).humanized)" }
            ?? (waiting > 0 ? "now" : "with the next message")
        switch hook.state {
        case .suspended, .probing:
            let trouble = hook.isBroken ? "The hook needs a repair: it has been broken" : "The hook has failed"
            return trouble + since + (hook.state == .probing ? ". A test is in progress." : ". Next test \(next).")
        case .failing: return "The hook has failed\(since). Next attempt \(next)."
        case .throttled: return "The server limits the rate of posts\(since). Next post \(next)."
        case .budgetSpent:
            let limit = hook.limit.map { " of \($0)" } ?? ""
            return "The budget\(limit) is spent. The next post leaves \(next), with all that waits then."
        case .working where hook == self.hook && answer?.advice != nil:
            return "The room refused the last post. Other forms and rooms are tried."
        case .working: return hook.nextPost == nil ? "Being posted." : "The next post leaves \(next)."
        }
    }
}

extension DeliveryStatus {
    /// The status that a journal knows without a running relay.
    init(stopped journal: JournalSnapshot, at now: Timestamp) {
        at = now
        isRunning = false
        degraded = journal.degraded
        rooms = RoomStatus.rooms(of: Destination.all(with: journal.receivers.keys).sorted(), journal)
            .map(\.room).filter { $0.waiting > 0 || $0.deadLetters > 0 || !$0.isReceiver }
    }
}

extension RoomStatus {
    /// Groups destinations by room, with what the journal knows. Receivers have one room for all severities.
    static func rooms(
        of destinations: [Destination], _ journal: JournalSnapshot
    ) -> [(room: RoomStatus, destinations: [Int])] {
        var rooms: [(room: RoomStatus, destinations: [Int])] = []
        var places: [ReceiverID: Int] = [:]
        for (index, destination) in destinations.enumerated() {
            let isReceiver = destination.receiver != .severityRooms
            let place = isReceiver ? places[destination.receiver] ?? rooms.count : rooms.count
            if place == rooms.count {
                let name = journal.receivers[destination.receiver] ?? destination.severity.rawValue
                rooms.append((RoomStatus(name: name, isReceiver: isReceiver), []))
                if isReceiver { places[destination.receiver] = place }
            }
            rooms[place].destinations.append(index)
            rooms[place].room.deadLetters += journal.deadLetters[destination] ?? 0
            guard let waiting = journal.pending[destination], waiting > 0 else { continue }
            rooms[place].room.queues.append(
                Queue(destination: destination, waiting: waiting, oldest: journal.oldestPending[destination]))
        }
        return rooms.filter { !$0.room.isReceiver } + rooms.filter { $0.room.isReceiver }
    }
}
