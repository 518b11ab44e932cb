import Alerts
import DeliveryCore
import Libevent
import RocketChat

/// The machine's monotonic time, and the wall clock's for what must outlive the process.
struct MachineClock: Sendable {
    private let origin = ContinuousClock.now

    func now() -> Instant { Instant(nanoseconds: Interval(ContinuousClock.now - origin).nanoseconds) }

    /// A reading of both clocks, by which times of one are times of the other.
    func reading() -> Reading { Reading(steady: now(), wall: Timestamp.now().nanosecondsSince1970) }

    struct Reading: Sendable {
        var steady: Instant
        /// Nanoseconds since 1970-01-01T00:00:00Z.
        var wall: Int64

        func wall(of instant: Instant) -> Int64 {
            let (wall, overflow) = wall.subtractingReportingOverflow((steady - instant).nanoseconds)
            return overflow ? .min : wall
        }

        func instant(ofWall nanoseconds: Int64) -> Instant {
            let (age, overflow) = wall.subtractingReportingOverflow(nanoseconds)
            return overflow || age == .min ? .distantPast : steady + Interval(nanoseconds: -age)
        }
    }
}

/// Rings when the machine wants to look again.
@LoopActor
final class MachineTimer {
    private let clock: MachineClock
    private let event: LoopEvent

    /// A slot may be days ahead: the timer rings in between, and the machine looks again.
    private static let longest = Duration.seconds(3600)

    init(_ clock: MachineClock, _ ring: @escaping @LoopActor () -> Void) {
        self.clock = clock
        event = LoopEvent.timer(after: Self.longest, ring)
    }

    /// Rings at the moment or up to two milliseconds behind it, and never before; nil cancels.
    func set(_ instant: Instant?) {
        guard let instant else { return event.cancel() }
        let wait = Duration(instant - clock.now()) + .milliseconds(1)
        event.schedule(after: min(max(.milliseconds(1), wait), Self.longest))
    }
}
