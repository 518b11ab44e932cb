/// A hook URL. The shell numbers hooks from 0 and never reuses a number while the process runs.
public struct HookID: Sendable, Hashable, Comparable {
    public var index: Int

    public init(_ index: Int) { self.index = index }

    public static func < (left: HookID, right: HookID) -> Bool { left.index < right.index }
}

/// A destination (receiver and severity). Numbered like hooks.
public struct QueueID: Sendable, Hashable, Comparable {
    public var index: Int

    public init(_ index: Int) { self.index = index }

    public static func < (left: QueueID, right: QueueID) -> Bool { left.index < right.index }
}

/// At most `posts` in any interval of length `window`. Both are clamped to the limiter's range.
public struct PostLimit: Sendable, Hashable {
    public let posts: Int
    public let window: Interval

    public init(posts: Int, per window: Interval) {
        self.posts = min(max(posts, 1), 10_000)
        self.window = window.clamped(.milliseconds(1), .seconds(7 * 86_400))
    }
}

/// The delivery settings of one queue.
public struct QueuePlan: Sendable, Hashable {
    /// Lower values are more urgent.
    public var urgency: Int
    /// The hooks of this queue in order of preference. A queue without routes keeps its entries.
    public var routes: [HookID]
    /// How long a hook may fail or throttle before the next route takes over.
    public var failoverDelay: Interval

    public init(urgency: Int, routes: [HookID], failoverDelay: Interval) {
        self.urgency = urgency
        self.routes = routes
        self.failoverDelay = failoverDelay.clamped(.zero, .seconds(365 * 86_400))
    }
}

/// All hooks and queues. A reload may add or change them; none is removed while the process runs.
public struct Topology: Sendable, Hashable {
    /// By `HookID.index`; nil disables pacing.
    public var limits: [PostLimit?]
    /// By `QueueID.index`.
    public var queues: [QueuePlan]

    public init(limits: [PostLimit?], queues: [QueuePlan]) {
        self.limits = limits
        self.queues = queues
    }
}

/// The machine's constants. Tests use smaller values than the defaults.
public struct Settings: Sendable, Hashable {
    /// The most rows that a queue keeps outside its turn.
    public var window = 256
    /// The most rows in one batch.
    public var foldLimit = 20_000
    /// Entries are folded if the hook would take longer than this to accept them one by one.
    public var foldDelay = Interval.seconds(5)
    /// How long a queue may hold a hook while it loads rows for a batch.
    public var gatherTime = Interval.seconds(2)
    /// A queue that has waited longer may precede more urgent ones.
    public var overtakeDelay = Interval.seconds(30)
    /// A hook that has throttled this long counts as tried when an entry may become a dead letter.
    public var maxThrottleTime = Interval.seconds(60)
    /// The delay before the next attempt after a journal failure or a post without permit.
    public var retryPause = Interval.seconds(1)
    /// The most groups that a queue tracks.
    public var groups = 4_096
    /// The most follow-ups that wait at a hook.
    public var followUps = 256

    public init() {}
}
