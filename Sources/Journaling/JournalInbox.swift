import Alerts

/// The requests and settlements that wait for the journal queue. Protected by a lock of its owner.
struct JournalInbox<Ticket: Sendable> {
    struct Request: Sendable {
        var ticket: Ticket
        var batch: AlertBatch
        var bytes: Int
        var sendBefore = SendLimit.none
    }

    /// The input of one transaction.
    struct Batch {
        var requests: [Request]
        var settlements: [JournalTransaction.Settled]
    }

    /// When the journal queue processes the inbox next.
    private enum Schedule {
        case never
        /// After the settle delay, with settlements only.
        case soon
        case now
    }

    var state = JournalState.open
    /// The severities that are rejected although the state is open.
    var reserved: Set<Severity> = []
    /// Set when the journal closes: appends are rejected, the content is still committed.
    var isClosing = false

    private let settings: JournalSettings
    private var requests: [Request] = []
    private var bytes = 0
    private var settlements: [JournalTransaction.Settled] = []
    private var schedule = Schedule.never

    init(settings: JournalSettings) {
        self.settings = settings
    }

    /// Adds a request. Fails if the journal does not accept its severity or the inbox is full.
    mutating func add(
        _ batch: AlertBatch, for ticket: Ticket, sendBefore: SendLimit = .none
    ) throws(JournalRefusal) -> JournalWake {
        if let refusal = isClosing ? .closed : state.refusal {
            throw refusal
        }
        let severity = batch.mostUrgent
        guard !reserved.contains(severity) else { throw .reserved(severity) }
        let size = batch.notifications.reduce(0) { $0 + $1.body.count }
        guard requests.isEmpty || hasCapacity(for: severity, bytes: size) else { throw .overloaded }
        requests.append(Request(ticket: ticket, batch: batch, bytes: size, sendBefore: sendBefore))
        bytes += size
        guard schedule != .now else { return .none }
        schedule = .now
        return .now
    }

    /// Whether the severity's share of the inbox has capacity. The shares keep capacity for more urgent alerts.
    private func hasCapacity(for severity: Severity, bytes size: Int) -> Bool {
        requests.count < settings.inboxRequests * severity.shareTenths / 10
            && bytes + size <= settings.inboxBytes / 10 * severity.shareTenths
    }

    /// Settlements that belong to one history record must be added in one call.
    mutating func add(_ settled: [JournalTransaction.Settled]) -> JournalWake {
        settlements += settled
        guard schedule == .never else { return .none }
        schedule = .soon
        return .soon
    }

    /// Removes and returns the oldest requests and settlements that fit into one transaction.
    mutating func dequeue() -> Batch {
        var count = 0
        var size = 0
        while count < min(requests.count, settings.requestsPerCommit) {
            let next = requests[count].bytes
            guard count == 0 || size + next <= settings.bytesPerCommit else { break }
            count += 1
            size += next
        }
        var settled = min(settlements.count, settings.settlementsPerCommit)
        while settled > 0, settlements[settled - 1].isContinued { settled += 1 }
        bytes -= size
        return Batch(
            requests: Self.takeFirst(count, of: &requests), settlements: Self.takeFirst(settled, of: &settlements))
    }

    /// Removes and returns the first elements. Usually all of them, which copies none: slices of a generic type are not
    /// specialized, and took a tenth of the journal thread's instructions.
    private static func takeFirst<Element>(_ count: Int, of elements: inout [Element]) -> [Element] {
        guard count < elements.count else {
            defer { elements = [] }
            return elements
        }
        let first = Array(elements[..<count])
        elements.removeSubrange(..<count)
        return first
    }

    /// Removes and returns all settlements, for a transaction without appends.
    mutating func dequeueSettlements() -> [JournalTransaction.Settled] {
        defer { settlements.removeAll() }
        return settlements
    }

    /// Called after a transaction. Returns whether more waits, in which case the journal queue must continue at once.
    mutating func finishStep() -> Bool {
        let isEmpty = requests.isEmpty && settlements.isEmpty
        schedule = isEmpty ? .never : .now
        return !isEmpty
    }
}

/// When the caller must schedule the journal queue, after it releases the lock.
enum JournalWake {
    case none
    case soon
    case now
}

/// When the sender of a request gives up, in nanoseconds since the start. Not an optional instant: its copies in a generic
/// type cost thousands of instructions for each webhook.
struct SendLimit: Sendable {
    private static let origin = ContinuousClock.now
    static let none = SendLimit(nanoseconds: .max)

    private var nanoseconds: Int64

    private init(nanoseconds: Int64) {
        self.nanoseconds = nanoseconds
    }

    init(_ instant: ContinuousClock.Instant) {
        let limit = Duration.seconds(200 * 365 * 86_400)
        let time = min(max(Self.origin.duration(to: instant), .zero - limit), limit)
        self.init(nanoseconds: Int64(time / .nanoseconds(1)))
    }

    /// Nil for no limit.
    var instant: ContinuousClock.Instant? {
        nanoseconds == .max ? nil : Self.origin.advanced(by: .nanoseconds(nanoseconds))
    }

    func isOver(at now: ContinuousClock.Instant) -> Bool { instant.map { $0 <= now } ?? false }
}
