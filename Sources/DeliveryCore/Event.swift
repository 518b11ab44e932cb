/// An event from the shell. An event for work that is not in progress is ignored.
public enum Event: Sendable, Equatable {
    /// Rows up to this one are committed. One event for each row lets the machine count them.
    case available(QueueID, through: EntryID)
    case loaded(QueueID, Page)
    /// Reading the journal failed temporarily.
    case loadFailed(QueueID)
    /// The batch is rendered into `parts` messages, of which the last `copies` are copies in a thread. The messages
    /// omit the entries in `unreadable` and `expired`; `parts` is 0 if no entry is left. They show the entries in `over`
    /// as resolved, although their rows report them as firing.
    case composed(
        QueueID, parts: Int, copies: Int = 0, unreadable: [EntryID] = [], expired: [EntryID] = [], over: [EntryID] = [])
    /// Reading the bodies failed temporarily.
    case composeFailed(QueueID)
    /// A response of any kind requested a pause of this length; `ended` follows.
    case paused(HookID, Interval)
    /// The queue's current post has ended.
    case ended(QueueID, PostResult)
    /// The hook's current follow-up has ended.
    case followUpEnded(HookID, PostResult)
    /// The timer of the last `setTimer` has fired.
    case timer
    /// The settings were reloaded.
    case reconfigured(Topology)
    /// Start no more posts, and send `stopped` when the last one has ended.
    case stop
    /// The journal can record no more settlements; the process is about to end.
    case journalFailed
    /// This replica may post from now on. A process without replicas gains the tenure at start, without an end.
    case tenureGained(Tenure)
    case tenureExtended(until: Instant)
    case tenureLost
}

/// The classified result of a post.
public enum PostResult: Sendable, Hashable {
    /// The server confirmed the message.
    case delivered(messageID: String?)
    /// Refused temporarily; the hook accepts no messages for this long.
    case throttled(Interval)
    /// There was no permit. Nothing was sent, and another replica may have settled rows.
    case notSent
    /// A temporary failure. `reachedServer`: the post may count against the budget.
    case failed(maybeDelivered: Bool, reachedServer: Bool)
    /// A 500 without details: an outage or a wrong token.
    case suspicious
    /// An operator must repair the hook.
    case hookBroken
    /// The server refuses this message; nil if the reason is unknown.
    case refused(Fix?)
}

/// A change that may make a refused message acceptable.
public enum Fix: Sendable, Hashable {
    case smaller
    case plainText
}

/// The right to post, and the hook records of the previous owner.
public struct Tenure: Sendable, Equatable {
    public var validUntil: Instant
    public var hooks: [HookRecord]

    public init(validUntil: Instant, hooks: [HookRecord] = []) {
        self.validUntil = validUntil
        self.hooks = hooks
    }
}

/// The state of a hook that persists across processes and tenures.
public struct HookRecord: Sendable, Hashable {
    /// A post whose end was not recorded.
    public struct Unfinished: Sendable, Hashable {
        public var queue: QueueID
        public var through: EntryID
        public var form: Form
        /// The post may arrive until then; no other post may start before.
        public var until: Instant

        public init(queue: QueueID, through: EntryID, form: Form, until: Instant) {
            self.queue = queue
            self.through = through
            self.form = form
            self.until = until
        }
    }

    public var hook: HookID
    /// When past posts ended, the oldest first.
    public var posts: [Instant]
    public var pausedUntil: Instant?
    public var failingSince: Instant?
    public var unfinished: Unfinished?

    public init(
        hook: HookID, posts: [Instant] = [], pausedUntil: Instant? = nil, failingSince: Instant? = nil,
        unfinished: Unfinished? = nil
    ) {
        self.hook = hook
        self.posts = posts
        self.pausedUntil = pausedUntil
        self.failingSince = failingSince
        self.unfinished = unfinished
    }
}
