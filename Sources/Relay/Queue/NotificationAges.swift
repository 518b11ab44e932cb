import Alerts
import RocketChat
import Support

/// The one `AgeClock` of all queues.
final class NotificationAges: Sendable {
    private let clock = Locked(AgeClock(wall: .now(), steady: .now))

    func age(of moment: Timestamp) -> Duration {
        clock.withLock { $0.age(of: moment, wall: .now(), steady: .now) }
    }
}
