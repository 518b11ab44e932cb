/// A cargo on its way out: its messages that are not yet posted, and how the current one fares on each way.
struct OutboundDelivery {
    typealias Instant = ContinuousClock.Instant

    /// What differs between the rooms: a message to the fallback's room says whose it is, and starts from the
    /// beginning, since nobody there has seen the parts that went elsewhere.
    private struct Passage {
        var form = Cargo.Form.full
        var messages: ArraySlice<[UInt8]>
        var progress: DeliveryProgress
        /// No attempt before this: the current message's backoff.
        var notBefore: Instant?
    }

    let cargo: Cargo
    private let severity: Severity
    /// Whose messages these are, for the fallback's room.
    private let room: String
    private let policy: RetryPolicy
    private let threading: Threading
    private let renderer: @Sendable (Way) -> MessageRenderer
    /// Messages are rendered when they are first needed, all with the same clock, so that a retry repeats them.
    private let renderedAt: Timestamp
    private var passages: [Way: Passage] = [:]

    init(
        _ cargo: Cargo, severity: Severity, room: String, policy: RetryPolicy, threading: Threading = .none,
        now: Timestamp,
        renderer: @escaping @Sendable (Way) -> MessageRenderer
    ) {
        self.cargo = cargo
        self.severity = severity
        self.room = room
        self.policy = policy
        self.threading = threading
        self.renderer = renderer
        renderedAt = now
    }

    /// Every message is in one of the rooms.
    private(set) var isDone = false

    /// The message to post next.
    mutating func message(by way: Way) -> [UInt8] {
        guard let message = passage(way).messages.first else { preconditionFailure("a delivery is never empty") }
        return message
    }

    func notBefore(by way: Way) -> Instant? { passages[way]?.notBefore }

    /// The number of the attempt that is under way or comes next.
    func attempt(by way: Way) -> Int { passages[way]?.progress.attempt ?? 1 }

    /// Nothing of it can be in a room, and no room has found fault with it: it may as well be made anew.
    var isUntouched: Bool {
        !isDone
            && passages.values.allSatisfy {
                $0.form == .full && $0.messages.startIndex == 0 && $0.progress.concernsHookOnly
            }
    }

    /// Goes on where another left off that was made anew: what the hooks have done to it still counts.
    mutating func inherit(_ earlier: OutboundDelivery) {
        for (way, passage) in earlier.passages {
            var mine = self.passage(way)
            mine.progress = passage.progress
            mine.notBefore = passage.notBefore
            passages[way] = mine
        }
    }

    /// Takes what became of the message, and says what to do next.
    mutating func take(_ outcome: DeliveryOutcome, by way: Way, at now: Instant) -> DeliveryProgress.Action {
        var passage = passage(way)
        var random = SystemRandomNumberGenerator()
        let action = passage.progress.take(outcome, using: &random)
        // What is in the room is delivered: nothing hangs on its copy in a thread.
        let isLost = isThreadCopy(passage, way) && !action.isRetry
        switch isLost ? .settle(DeliveryReceipt()) : action {
        case .settle:
            passage.messages.removeFirst()
            passage.progress = DeliveryProgress(policy: policy)
            passage.notBefore = nil
            isDone = passage.messages.isEmpty
        case .retry(let wait), .alarm(let wait): passage.notBefore = now + wait
        case .resend(let fix): apply(fix, to: &passage, way)
        case .pause, .deadLetter: break
        }
        passages[way] = passage
        return isLost ? .settle(DeliveryReceipt()) : action
    }

    private func isThreadCopy(_ passage: Passage, _ way: Way) -> Bool {
        guard case .replies = threading, way == .own else { return false }
        return passage.messages.count <= passage.messages.endIndex / 2
    }

    /// Renders the cargo anew in a form that Rocket.Chat may take; what of it was posted before comes again.
    private func apply(_ fix: Fix, to passage: inout Passage, _ way: Way) {
        passage.form =
            switch fix {
            case .resplit: .small
            // The text breaks every mention already; what may notify or offend is in the rest.
            case .neutraliseMentions, .plainText: .plain
            }
        passage.messages = render(passage.form, way)
    }

    private mutating func passage(_ way: Way) -> Passage {
        if let passage = passages[way] { return passage }
        let passage = Passage(messages: render(.full, way), progress: DeliveryProgress(policy: policy))
        passages[way] = passage
        return passage
    }

    private func render(_ form: Cargo.Form, _ way: Way) -> ArraySlice<[UInt8]> {
        let marks = MessageMarks(rerouted: way == .fallback ? room : nil)
        var messages = cargo.messages(
            form, severity: severity, renderer: renderer(way), marks: marks, now: renderedAt)
        switch way == .own ? threading : .none {
        case .none: break
        case .starts: messages[0].wantsID = true
        case .replies(let id):
            messages += messages.map { message in
                var copy = message
                copy.threadID = id
                return copy
            }
        }
        return messages.map { $0.json() }[...]
    }
}
