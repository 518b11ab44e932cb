import Alerts

/// Decides when a mail tells people what waits because no room can be told, and when one tells that rooms work again.
///
/// A pure value: both clocks come in with each call. At most one mail is under way.
struct LastResort: Sendable {
    typealias Reading = WatchdogMonitor.Reading

    struct Limits: Sendable, Equatable {
        /// How long alerts wait before a mail is sent.
        var after: Duration
        /// Between two mails about waiting alerts.
        var interval: Duration
    }

    /// A destination with pending notifications.
    struct Waiting: Sendable, Equatable {
        var destination: Destination
        /// When the oldest was accepted; nil if unknown.
        var oldest: Timestamp?
        /// Neither its own hook nor the next room accepts messages.
        var isCutOff: Bool
    }

    enum Decision: Sendable, Equatable {
        case none
        /// Tell what waits for these destinations.
        case tellWaiting([Destination])
        case tellRecovery
    }

    /// The state that survives a restart.
    struct Record: Sendable, Equatable {
        var lastMail: Timestamp?
        /// A mail has reported waiting alerts, and none has reported the recovery yet.
        var isRecoveryOwed = false
    }

    /// After a mail that was not accepted. Longer than the usual delay of greylisting needs several attempts.
    private static let retryDelay = Duration.seconds(60)

    var limits: Limits
    private(set) var record: Record
    /// No mail about waiting alerts starts before then.
    private var nextAt: Duration
    /// When each destination was first seen waiting.
    private var seen: [Destination: Duration] = [:]
    /// What the room server accepted when people were last told, or at the start.
    private var acceptedBefore: Int
    private var isUnderWay = false

    /// - Parameter accepted: as in `decide`.
    init(_ limits: Limits, record: Record = Record(), accepted: Int = 0, at now: Reading) {
        (self.limits, self.record, acceptedBefore) = (limits, record, accepted)
        // The wall clock may have been set back since.
        let age = record.lastMail.map { max(.zero, now.wall.since($0)) } ?? limits.interval
        nextAt = now.steady + max(.zero, limits.interval - age)
    }

    /// - Parameters:
    ///   - waiting: all destinations with pending notifications.
    ///   - accepted: the number of messages that rooms have accepted since the start of the process.
    mutating func decide(_ waiting: [Waiting], accepted: Int, at now: Reading) -> Decision {
        let destinations = Set(waiting.map(\.destination))
        seen = seen.filter { destinations.contains($0.key) }
        for entry in waiting where seen[entry.destination] == nil { seen[entry.destination] = now.steady }
        guard !isUnderWay else { return .none }
        let cutOff = waiting.filter(\.isCutOff)
        if cutOff.contains(where: { age($0, at: now) >= limits.after }), nextAt <= now.steady {
            isUnderWay = true
            return .tellWaiting(cutOff.map(\.destination).sorted())
        }
        // After a restart hooks count as working until a post fails, so a message must prove it.
        guard record.isRecoveryOwed, cutOff.isEmpty, waiting.isEmpty || accepted > acceptedBefore,
            nextRecoveryAt <= now.steady
        else { return .none }
        isUnderWay = true
        return .tellRecovery
    }

    /// Called when the mail of a decision was accepted or not.
    mutating func ended(_ decision: Decision, isSent: Bool, accepted: Int, at now: Reading) {
        isUnderWay = false
        switch decision {
        case .none: break
        case .tellWaiting:
            nextAt = now.steady + (isSent ? limits.interval : min(limits.interval, Self.retryDelay))
            guard isSent else { return }
            record = Record(lastMail: now.wall, isRecoveryOwed: true)
            acceptedBefore = accepted
        case .tellRecovery:
            if isSent { record.isRecoveryOwed = false }
            nextRecoveryAt = now.steady + min(limits.interval, Self.retryDelay)
        }
    }

    private var nextRecoveryAt = Duration.zero

    /// The longer of two measurements: the wall clock knows the time before this process, the steady one does not jump.
    private func age(_ waiting: Waiting, at now: Reading) -> Duration {
        let steady = seen[waiting.destination].map { now.steady - $0 } ?? .zero
        return max(steady, waiting.oldest.map { now.wall.since($0) } ?? .zero)
    }
}
