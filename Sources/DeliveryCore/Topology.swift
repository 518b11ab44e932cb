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

/// At most `posts` in any stretch of time of length `window`. Both are clamped to what the limiter can keep.
public struct PostLimit: Sendable, Hashable {
    public let posts: Int
    public let window: Interval

    public init(posts: Int, per window: Interval) {
        self.posts = min(max(posts, 1), 10_000)
        self.window = window.clamped(.milliseconds(1), .seconds(86_400))
    }

    /// Rocket.Chat's default for each URL.
    public static let rocketChat = PostLimit(posts: 10, per: .seconds(60))
}

/// How one queue is delivered.
public struct QueuePlan: Sendable, Hashable {
    /// The lower, the more urgent.
    public var urgency: Int
    /// The hooks that may carry this queue, the best first. Without any the queue keeps its entries.
    public var routes: [HookID]
    /// How long a hook may fail or throttle before the next route takes over.
    public var failoverDelay: Interval

    public init(urgency: Int, routes: [HookID], failoverDelay: Interval) {
        self.urgency = urgency
        self.routes = routes
        self.failoverDelay = failoverDelay.clamped(.zero, .seconds(86_400))
    }
}

/// All hooks and queues. A reload may add some and change the others; none is removed while the process runs.
public struct Topology: Sendable, Hashable {
    /// By `HookID.index`; nil means that the hook is not paced.
    public var limits: [PostLimit?]
    /// By `QueueID.index`.
    public var queues: [QueuePlan]

    public init(limits: [PostLimit?], queues: [QueuePlan]) {
        self.limits = limits
        self.queues = queues
    }
}

/// Constants of the machine. The defaults are what ships; tests choose smaller ones.
public struct Settings: Sendable, Hashable {
    /// Rows kept of a queue outside its turn.
    public var window = 256
    /// Rows that one batch may hold.
    public var foldLimit = 20_000
    /// How long a queue may hold a hook while it reads rows for a batch.
    public var gatherTime = Interval.seconds(2)
    /// A queue that has waited longer may precede more urgent ones.
    public var patience = Interval.seconds(30)
    /// A hook that throttles this long counts as asked before an entry is given up.
    public var throttleVerdict = Interval.seconds(60)
    /// Until the journal is asked again after it failed, and until a post without permit is tried again.
    public var retryPause = Interval.seconds(1)
    /// Groups that a queue remembers.
    public var groups = 4_096
    /// Follow-ups that wait at a hook.
    public var followUps = 256

    public init() {}
}
