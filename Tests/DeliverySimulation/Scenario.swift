/// The inputs of one schedule. A seed generates one, shrinking removes inputs, and `Seeds/` contains some as text.
public struct Scenario: Sendable, Equatable {
    public struct Hook: Sendable, Equatable {
        /// The relay's limit: posts per window in milliseconds; 0 posts for no limit.
        var posts: Int
        var window: Int
        /// The posts that the server accepts per window.
        var serverPosts: Int
    }

    public struct Queue: Sendable, Equatable {
        var urgency: Int
        var routes: [Int]
        /// Milliseconds.
        var failoverDelay: Int
    }

    /// An input with four numbers, whose meaning depends on the kind.
    public struct Input: Sendable, Equatable {
        /// Milliseconds since the start.
        var at: Int
        var kind: InputKind
        var a = 0
        var b = 0
        var c = 0
        var d = 0
    }

    public var seed: UInt64
    var replicas = 1
    /// A restart of a single process uses the machine's own hook records, and posts of the dead process do not arrive.
    /// Otherwise the journal makes the records, and an unfinished post may still arrive after a crash.
    var usesMachineRecords = false
    var window = 16
    var hooks: [Hook] = []
    var queues: [Queue] = []
    public var inputs: [Input] = []
}

enum InputKind: String, Sendable, CaseIterable {
    /// a: queue, b: group, c: 1 if it is resolved + 10 × nature, d: the number of groups from b on.
    case accept
    /// a: hook, b: fault, c: duration.
    case fault
    /// The holder's process crashes; a: time to its restart.
    case crash
    /// The holder's process stops in order; a: time to its restart.
    case stop
    /// The holder is suspended; a: duration.
    case freeze
    /// The holder cannot reach the journal; a: duration.
    case partition
    /// a: the queue whose routes are rotated by one, b: the hook whose limit becomes c in the same window.
    case reload
    /// Journal reads fail; a: duration.
    case journalFault
}

/// A property of an entry that affects its delivery.
enum Nature: Int, Sendable, CaseIterable {
    case normal
    /// Refused with attachments.
    case plainOnly
    /// Refused in full form for its size.
    case tooLarge
    /// Refused in full and in reduced form for its size.
    case hugeText
    /// Hook 0 refuses it in every form.
    case rejectedByFirst
    /// Hooks with odd indices refuse it in every form.
    case rejectedByOdd
    case rejectedByAll
    case unreadable
    /// Its composition crashes the process.
    case crashing
    /// Rendered as three messages.
    case longText
    case longPlainOnly
    /// Its row is missing from the journal when it is composed.
    case vanished
    /// A firing entry that expires after ten seconds if a resolve follows.
    case expiring
    /// A firing entry that rooms show as resolved, as replayed dead letters can be.
    case over

    func isRejected(by hook: Int) -> Bool {
        switch self {
        case .rejectedByFirst: hook == 0
        case .rejectedByOdd: hook % 2 == 1
        case .rejectedByAll: true
        default: false
        }
    }

    /// Whether a composition may omit the entry.
    var mayBeOmitted: Bool { self == .unreadable || self == .vanished || self == .expiring }

    var parts: Int { self == .longText || self == .longPlainOnly ? 3 : 1 }
}

/// How a hook fails.
enum Fault: Int, Sendable, CaseIterable {
    case none
    case connectionRefused
    case timeoutLost
    case timeoutDelivered
    case resetLost
    case resetDelivered
    case gatewayLost
    case gatewayDelivered
    case unavailable
    case bareError
    case disabled
    case proxyPage
    case throttled
    case refusesAll
    case refusesAllAsTooLarge
    case refusesAttachments
    case truncatedAnswer
    case slow
    case flaky
    /// Alternates every few seconds between refusing all messages and working.
    case flickering
    /// Works, but each response also requests a pause.
    case pausing
    /// Fails or refuses, and each response also requests a pause.
    case failingWithPause

    /// Whether every message is delivered, possibly late.
    var isHarmless: Bool { self == .none || self == .slow || self == .refusesAttachments || self == .pausing }
    var pauses: Bool { self == .pausing || self == .failingWithPause }
}

// MARK: - Text

extension Scenario: CustomStringConvertible {
    public var description: String {
        var lines = ["seed \(seed)", "replicas \(replicas)", "window \(window)"]
        if usesMachineRecords { lines.append("records machine") }
        lines += hooks.map { "hook \($0.posts) \($0.window) \($0.serverPosts)" }
        lines += queues.map { queue in
            "queue \(queue.urgency) \(queue.failoverDelay) \(queue.routes.map(String.init).joined(separator: " "))"
        }
        lines += inputs.map { "at \($0.at) \($0.kind.rawValue) \($0.a) \($0.b) \($0.c) \($0.d)" }
        return lines.joined(separator: "\n") + "\n"
    }

    /// Parses the format of `description`. Returns nil if the text is malformed. Lines that begin with # are comments.
    public init?(_ text: String) {
        self.init(seed: 0)
        for line in text.split(separator: "\n") where !line.hasPrefix("#") {
            let words = line.split(separator: " ").map(String.init)
            guard let first = words.first, read(first, Array(words.dropFirst())) else { return nil }
        }
        guard !hooks.isEmpty else { return nil }
    }

    private mutating func read(_ key: String, _ words: [String]) -> Bool {
        if key == "seed" {
            seed = words.first.flatMap(UInt64.init) ?? 0
            return true
        }
        if key == "records" {
            usesMachineRecords = words == ["machine"]
            return usesMachineRecords
        }
        if key == "at" {
            guard words.count == 6, let kind = InputKind(rawValue: words[1]) else { return false }
            let numbers = words.compactMap(Int.init)
            guard numbers.count == 5 else { return false }
            inputs.append(
                Input(at: numbers[0], kind: kind, a: numbers[1], b: numbers[2], c: numbers[3], d: numbers[4]))
            return true
        }
        let numbers = words.compactMap(Int.init)
        guard numbers.count == words.count, let first = numbers.first else { return false }
        switch key {
        case "replicas": replicas = first
        case "window": window = first
        case "hook" where numbers.count == 3:
            hooks.append(Hook(posts: first, window: numbers[1], serverPosts: numbers[2]))
        case "queue" where numbers.count >= 2:
            queues.append(Queue(urgency: first, routes: Array(numbers.dropFirst(2)), failoverDelay: numbers[1]))
        default: return false
        }
        return true
    }
}
