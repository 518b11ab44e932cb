/// The part of one severity's backlog that is held in memory: its oldest notifications, in the order of acceptance.
///
/// What does not fit is dropped here and read from the journal once there is room: memory stays bounded whatever waits.
struct QueueWindow: Sendable {
    struct Limits: Sendable {
        var notifications = 256
        /// Of bodies; one notification is held whatever its size.
        var bytes = 4 << 20
    }

    private let limits: Limits
    private var waiting: ArraySlice<Journaled<Notification>> = []
    private var bytes = 0
    /// Everything up to here is in the window or has left it.
    private(set) var loaded: JournalID?
    /// The newest notification that is known to be in the journal.
    private(set) var newest: JournalID?
    /// The journal may hold what an earlier process left.
    private var isRecovering = true

    init(limits: Limits = Limits()) {
        self.limits = limits
    }

    var first: Journaled<Notification>? { waiting.first }
    var count: Int { waiting.count }

    /// The journal holds, or may hold, notifications that the window does not.
    var isBehind: Bool {
        guard !isRecovering, let newest else { return isRecovering }
        return loaded.map { newest > $0 } ?? true
    }

    /// Half empty and behind: time to read on.
    var wantsMore: Bool { isBehind && waiting.count <= limits.notifications / 2 && bytes <= limits.bytes / 2 }

    var room: (notifications: Int, bytes: Int) {
        (max(1, limits.notifications - waiting.count), max(1, limits.bytes - bytes))
    }

    /// Takes a notification that was just accepted, or only remembers that the journal holds it.
    mutating func offer(_ notification: Journaled<Notification>) {
        let isNext = !isBehind && loaded.map { notification.id > $0 } ?? true
        newest = max(newest ?? notification.id, notification.id)
        guard isNext, waiting.count < limits.notifications, waiting.isEmpty || bytes < limits.bytes else { return }
        append(notification)
    }

    /// Takes what the journal held behind `loaded`.
    ///
    /// - Parameter known: `newest` as it was when the journal was asked: where the journal held no more, everything up
    ///   to it is accounted for. What was accepted later is still to be read.
    mutating func refill(_ pending: PendingWindow, known: JournalID?) {
        for notification in pending.notifications where loaded.map({ notification.id > $0 }) ?? true {
            append(notification)
        }
        if let cursor = pending.cursor { loaded = max(loaded ?? cursor, cursor) }
        guard pending.isLast else { return }
        isRecovering = false
        if let known { loaded = max(loaded ?? known, known) }
    }

    /// The notification has been dealt with; does nothing where it has left the window already.
    mutating func remove(_ id: JournalID) {
        guard waiting.first?.id == id else { return }
        bytes -= waiting.removeFirst().value.body.count
        // A slice keeps what it has let go of; start anew where that costs nothing.
        if waiting.isEmpty { waiting = [] }
    }

    /// Empties the window: the caller answers for what it held.
    mutating func takeAll() -> ArraySlice<Journaled<Notification>> {
        defer {
            waiting = []
            bytes = 0
        }
        return waiting
    }

    private mutating func append(_ notification: Journaled<Notification>) {
        waiting.append(notification)
        bytes += notification.value.body.count
        loaded = notification.id
    }
}
