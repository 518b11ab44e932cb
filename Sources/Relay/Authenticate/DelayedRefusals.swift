import Dispatch
import Libevent

/// Slows down senders of wrong credentials that cost nothing to compare: bearer tokens above all.
///
/// The right token passes at any time, so a refusal tells a guesser all there is to know; what can be limited is how
/// fast refusals come. Ten a minute and address come at once, further ones after a second, and at most `perSource`
/// requests of an address wait for theirs at a time. Beyond that the answer is 503 at once: who wants to guess faster
/// needs more addresses.
@LoopActor
final class DelayedRefusals {
    typealias Instant = ContinuousClock.Instant
    typealias Source = ClientAddress.Source

    /// Runs work after a time, off the loop.
    typealias Pause = @Sendable (Duration, @escaping @Sendable () -> Void) -> Void

    static let delay = Duration.seconds(1)

    private var failures = FailedAuthentications<Source>()
    private var held: [Source: Int] = [:]
    private var heldInAll = 0
    private let perSource: Int
    private let inAll: Int
    private let pause: Pause

    /// - Parameters:
    ///   - perSource: how many refusals of one address wait at most.
    ///   - inAll: the same for all addresses.
    init(perSource: Int = 16, inAll: Int = 256, pause: @escaping Pause = DelayedRefusals.onDispatch) {
        self.perSource = perSource
        self.inAll = inAll
        self.pause = pause
    }

    nonisolated static let onDispatch: Pause = { duration, work in
        DispatchQueue.global().asyncAfter(deadline: .now() + duration.dispatch, execute: work)
    }

    /// Calls back once: at once or after `delay`.
    func refuse(
        _ source: Source, at now: Instant,
        completion: @escaping @LoopActor @Sendable (RequestAuthentication.Verdict) -> Void
    ) {
        guard let wait = failures.charge(source, at: now) else { return completion(.refused) }
        guard held[source, default: 0] < perSource, heldInAll < inAll else {
            return completion(.limited(retryAfter: wait))
        }
        held[source, default: 0] += 1
        heldInAll += 1
        pause(Self.delay) {
            LoopActor.post { [self] in
                heldInAll -= 1
                let rest = (held[source] ?? 1) - 1
                held[source] = rest > 0 ? rest : nil
                completion(.refused)
            }
        }
    }
}
