import Alerts
import Support

/// The `AgeClock` that all queues share.
final class NotificationAges: Sendable {
    private let clock = Locked(AgeClock(wall: .now(), steady: .now))

    func age(of moment: Timestamp) -> Duration {
        clock.withLock { $0.age(of: moment, wall: .now(), steady: .now) }
    }
}
