/// What happens in one schedule. A seed makes one; shrinking takes inputs away; `Seeds/` keeps some as text.
public struct Scenario: Sendable, Equatable {
    public struct Hook: Sendable, Equatable {
        /// The relay's limit: posts in so many milliseconds; 0 posts for none.
        var posts: Int
        var window: Int
        /// What the server really takes in such a window.
        var serverPosts: Int
    }

    public struct Queue: Sendable, Equatable {
        var urgency: Int
        var routes: [Int]
        /// Milliseconds.
        var failoverDelay: Int
    }

    /// Four numbers, by kind.
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
    /// A restart of a single process gets the hooks' records that its machine made, and the dead process sends nothing
    /// any more. Otherwise records are the journal's, and a post under way at a crash may still arrive.
    var usesMachineRecords = false
    var window = 16
    var hooks: [Hook] = []
    var queues: [Queue] = []
    public var inputs: [Input] = []
}

enum InputKind: String, Sendable, CaseIterable {
    /// a: queue, b: group, c: 1 if it is resolved + 10 × nature, d: how many groups from b on.
    case accept
    /// a: hook, b: fault, c: how long.
    case fault
    /// The holder's process dies; a: until it is back.
    case crash
    /// The holder's process ends in order; a: until it is back.
    case stop
    /// The holder stands still; a: how long.
    case freeze
    /// The holder does not reach the journal; a: how long.
    case partition
    /// a: the queue whose routes turn by one, b: the hook whose limit becomes c in the same window.
    case reload
    /// The journal answers no reads; a: how long.
    case journalFault
}

/// What is special about an entry.
enum Nature: Int, Sendable, CaseIterable {
    case normal
    /// Refused with attachments.
    case plainOnly
    /// Refused in full.
    case tooLarge
    /// Refused in full and in reduced form for its size.
    case hugeText
    /// Hook 0 refuses it in every form.
    case rejectedByFirst
    /// Hooks with odd numbers refuse it in every form.
    case rejectedByOdd
    case rejectedByAll
    case unreadable
    /// The process dies over it.
    case crashing
    /// Three messages.
    case longText
    case longPlainOnly
    /// Its row disappears from the journal before it is composed.
    case vanished
    /// A firing that expires after ten seconds if it is resolved since.
    case expiring

    func isRejected(by hook: Int) -> Bool {
        switch self {
        case .rejectedByFirst: hook == 0
        case .rejectedByOdd: hook % 2 == 1
        case .rejectedByAll: true
        default: false
        }
    }

    /// A composition may find that it is not to be posted.
    var mayLeaveUntold: Bool { self == .unreadable || self == .vanished || self == .expiring }

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
    /// Refuses everything for seconds, works for seconds.
    case flickering
    /// Works; each answer also says that the hook takes nothing for a while.
    case pausing
    /// Any failure or refusal whose answer also says that the hook takes nothing for a while.
    case failingWithPause

    /// Every message gets through, if late.
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

    /// nil if the text is none that `description` writes. Lines that begin with # are comments.
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
