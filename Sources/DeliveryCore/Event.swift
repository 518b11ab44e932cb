/// What happened, from the shell. An event about work that is not under way is ignored.
public enum Event: Sendable, Equatable {
    /// Rows up to this one are committed.
    case available(QueueID, through: EntryID)
    case loaded(QueueID, Page)
    /// The journal could not be read now.
    case loadFailed(QueueID)
    /// The batch is rendered into `parts` messages, the last `copies` of which are copies in a thread. The entries in
    /// `unreadable` and `expired` are not among them; with `parts` 0 nothing is left.
    case composed(QueueID, parts: Int, copies: Int = 0, unreadable: [EntryID] = [], expired: [EntryID] = [])
    /// The bodies could not be read now.
    case composeFailed(QueueID)
    /// An answer of any kind said that the hook takes nothing for this long; `ended` follows.
    case paused(HookID, Interval)
    /// The post under way for this queue has ended.
    case ended(QueueID, PostResult)
    /// The follow-up under way at this hook has ended.
    case followUpEnded(HookID, PostResult)
    /// The time of the last `setTimer` has come.
    case timer
    /// Settings were read again.
    case reconfigured(Topology)
    /// Begin no more posts, and say when the last one has ended.
    case stop
    /// The journal takes no more settlements; the process is about to end.
    case journalFailed
    /// This replica may post from now on. A process of its own gains it at start, for ever.
    case tenureGained(Tenure)
    case tenureExtended(until: Instant)
    case tenureLost
}

/// What became of a post, by the classifier.
public enum PostResult: Sendable, Hashable {
    /// Rocket.Chat confirmed the message.
    case delivered(messageID: String?)
    /// Refused for now; the hook takes nothing for this long.
    case throttled(Interval)
    /// There was no permit. Nothing left, and rows may have been settled elsewhere.
    case notSent
    /// It passes by itself. `reachedServer`: it may count against the budget.
    case failed(maybeDelivered: Bool, reachedServer: Bool)
    /// A bare 500: an outage or a wrong token.
    case suspicious
    /// An operator must repair the hook.
    case hookBroken
    /// Rocket.Chat refuses this message; nil if the reason is unknown.
    case refused(Fix?)
}

/// What may make a refused message acceptable.
public enum Fix: Sendable, Hashable {
    case smaller
    case plainText
}

/// The right to post, and what was known of the hooks by whoever posted before.
public struct Tenure: Sendable, Equatable {
    public var validUntil: Instant
    public var hooks: [HookRecord]

    public init(validUntil: Instant, hooks: [HookRecord] = []) {
        self.validUntil = validUntil
        self.hooks = hooks
    }
}

/// The state of a hook that outlives the process or the tenure.
public struct HookRecord: Sendable, Hashable {
    /// A post whose end nobody recorded.
    public struct Unfinished: Sendable, Hashable {
        public var queue: QueueID
        public var through: EntryID
        public var form: Form
        /// It may arrive until then; no other post may leave before.
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
