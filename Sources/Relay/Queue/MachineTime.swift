import Alerts
import DeliveryCore
import Libevent

/// The monotonic time of the machine, and the wall clock time for stored values.
struct MachineClock: Sendable {
    private let origin = ContinuousClock.now

    func now() -> Instant { Instant(nanoseconds: Interval(ContinuousClock.now - origin).nanoseconds) }

    /// A reading of both clocks, which converts times between them.
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

/// The timer of the machine.
@LoopActor
final class MachineTimer {
    private let clock: MachineClock
    private let event: LoopEvent

    /// The machine may ask for a time days ahead. The timer fires earlier, and the machine sets it again.
    private static let longest = Duration.seconds(3600)

    init(_ clock: MachineClock, _ fire: @escaping @LoopActor () -> Void) {
        self.clock = clock
        event = LoopEvent.timer(after: Self.longest, fire)
    }

    /// Fires at the instant or up to two milliseconds later, never earlier. Nil cancels.
    func set(_ instant: Instant?) {
        guard let instant else { return event.cancel() }
        let wait = Duration(instant - clock.now()) + .milliseconds(1)
        event.schedule(after: min(max(.milliseconds(1), wait), Self.longest))
    }
}
