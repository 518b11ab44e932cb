import Alerts
import Support

/// What waits for the journal's queue, and who may add to it; kept behind a lock.
struct JournalInbox<Ticket: Sendable> {
    struct Request: Sendable {
        var ticket: Ticket
        var batch: AlertBatch
        var bytes: Int
    }

    struct Work {
        var requests: [Request]
        var settlements: [JournalTransaction.Settled]
    }

    /// When the queue looks in next.
    private enum Schedule {
        case never
        /// After the settle delay, with settlements only.
        case soon
        case now
    }

    var state = JournalState.open
    /// Refused although the state is open.
    var reserved: Set<Severity> = []
    /// Set by a close: what is in the inbox is still committed, nothing more is taken.
    var isClosing = false

    private let settings: JournalSettings
    private var requests: [Request] = []
    private var bytes = 0
    private var settlements: [JournalTransaction.Settled] = []
    private var schedule = Schedule.never

    init(settings: JournalSettings) {
        self.settings = settings
    }

    mutating func add(_ batch: AlertBatch, for ticket: Ticket) throws(JournalRefusal) -> JournalWake {
        if let refusal = isClosing ? .closed : state.refusal {
            throw refusal
        }
        let severity = batch.mostUrgent
        guard !reserved.contains(severity) else { throw .reserved(severity) }
        let size = batch.notifications.reduce(0) { $0 + $1.body.count }
        guard requests.isEmpty || hasCapacity(for: severity, bytes: size) else { throw .overloaded }
        requests.append(Request(ticket: ticket, batch: batch, bytes: size))
        bytes += size
        guard schedule != .now else { return .none }
        schedule = .now
        return .now
    }

    /// A severity may fill its share: what waits for a slow disk must not keep more urgent alerts out.
    private func hasCapacity(for severity: Severity, bytes size: Int) -> Bool {
        requests.count < settings.inboxRequests * severity.shareTenths / 10
            && bytes + size <= settings.inboxBytes / 10 * severity.shareTenths
    }

    mutating func add(_ settled: JournalTransaction.Settled) -> JournalWake {
        settlements.append(settled)
        guard schedule == .never else { return .none }
        schedule = .soon
        return .soon
    }

    /// What fits into one transaction, in the order in which it came.
    mutating func take() -> Work {
        var count = 0
        var taken = 0
        for request in requests.prefix(settings.requestsPerCommit) {
            guard count == 0 || taken + request.bytes <= settings.bytesPerCommit else { break }
            count += 1
            taken += request.bytes
        }
        let settled = min(settlements.count, settings.settlementsPerCommit)
        defer {
            requests.removeFirst(count)
            bytes -= taken
            settlements.removeFirst(settled)
        }
        return Work(
            requests: Array(requests.prefix(count)), settlements: Array(settlements.prefix(settled)))
    }

    /// All of them, for a transaction that waits for no append.
    mutating func takeSettlements() -> [JournalTransaction.Settled] {
        defer { settlements.removeAll() }
        return settlements
    }

    /// Says whether the queue must look in again at once.
    mutating func finishTurn() -> Bool {
        let isEmpty = requests.isEmpty && settlements.isEmpty
        schedule = isEmpty ? .never : .now
        return !isEmpty
    }
}

/// What the caller must arrange, with the lock given back.
enum JournalWake {
    case none
    case soon
    case now
}
