/// Decides when a replica looks at the tenure, takes it and keeps it. A value without clock or I/O: a shell carries out
/// its steps one after the other and reports what came of each.
///
/// A replica takes the tenure if nobody holds it, or if unbroken looks saw the same beat for `timeout` of the replica's
/// own clock. It cannot compare its clock with the holder's, so only what it has seen itself counts. A look that fails,
/// or a pause between two looks (this replica was frozen, or the database was away), breaks the looks: the holder may
/// have been as unable to raise its beat.
package struct TenureWatch: Sendable {
    package struct Settings: Sendable {
        /// The time between two looks.
        package var lookInterval = Duration.milliseconds(250)
        /// The time between two beats of the holder.
        package var beatInterval = Duration.seconds(1)
        /// How long a holder may be silent.
        package var timeout = Duration.seconds(5)
        /// The longest time from the end of one look to the end of the next that does not break the looks.
        package var maxGap = Duration.milliseconds(1500)

        package init() {}
    }

    /// A call of `SharedJournalEngine`.
    package enum Step: Sendable, Equatable {
        case look
        case take(TenureSight)
        case keep(JournalTenure)
    }

    /// What came of a step.
    package enum Event: Sendable, Equatable {
        case saw(TenureSight)
        /// Nil if another replica was faster.
        case took(JournalTenure?)
        /// False if the tenure is lost.
        case kept(Bool)
        /// The step failed; its outcome is unknown.
        case failed
        /// `exchange` found that the tenure is lost, or this replica has released it.
        case ended
    }

    /// What changes for delivery.
    package enum Change: Sendable, Equatable {
        /// The hooks' records must be read next.
        case gained(JournalTenure)
        case lost(JournalTenure)
    }

    package struct Decision: Sendable, Equatable {
        package var change: Change?
        package var step: Step
        /// When to carry the step out.
        package var at: ContinuousClock.Instant
    }

    /// The looks that saw the same tenure.
    private struct Looks {
        var sight: TenureSight
        /// When the first of them had ended.
        var since: ContinuousClock.Instant
        /// When the last of them had ended.
        var last: ContinuousClock.Instant
    }

    /// The tenure that this replica holds, as far as it knows.
    package private(set) var tenure: JournalTenure?
    private let replica: String
    private let settings: Settings
    private var looks: Looks?

    /// The first step is `look`.
    ///
    /// - Parameter replica: as for `SharedJournalEngine.take`.
    package init(replica: String, settings: Settings = Settings()) {
        self.replica = replica
        self.settings = settings
    }

    /// - Parameters:
    ///   - began: When the step was begun. For `ended` the current time.
    ///   - now: When it had ended.
    package mutating func apply(
        _ event: Event, began: ContinuousClock.Instant, now: ContinuousClock.Instant
    ) -> Decision {
        switch event {
        case .saw(let sight):
            return saw(sight, began: began, now: now)
        case .took(let taken):
            looks = nil
            return taken.map { gain($0, now) } ?? next(now)
        case .kept(true), .failed:
            // Without an answer the tenure may still be ours: a post needs a permit anyway.
            if tenure == nil { looks = nil }
            return next(event == .failed ? now : began)
        case .kept(false), .ended:
            let lost = tenure
            tenure = nil
            looks = nil
            return next(now, lost.map { .lost($0) })
        }
    }

    private mutating func saw(
        _ sight: TenureSight, began: ContinuousClock.Instant, now: ContinuousClock.Instant
    ) -> Decision {
        if sight.holder == replica {
            // A take whose answer was lost.
            return gain(JournalTenure(epoch: sight.epoch, holder: replica), now)
        }
        if var seen = looks, seen.sight == sight, now - seen.last <= settings.maxGap {
            seen.last = now
            looks = seen
            // The sight is of some moment between the look's begin and end, so this is the least time between the two.
            if began - seen.since >= settings.timeout { return Decision(step: .take(sight), at: now) }
        } else {
            looks = Looks(sight: sight, since: now, last: now)
        }
        if sight.holder == nil { return Decision(step: .take(sight), at: now) }
        return next(began)
    }

    private mutating func gain(_ taken: JournalTenure, _ now: ContinuousClock.Instant) -> Decision {
        tenure = taken
        looks = nil
        return next(now, .gained(taken))
    }

    /// The next beat or look, an interval after `moment`.
    private func next(_ moment: ContinuousClock.Instant, _ change: Change? = nil) -> Decision {
        guard let tenure else {
            return Decision(change: change, step: .look, at: moment.advanced(by: settings.lookInterval))
        }
        return Decision(change: change, step: .keep(tenure), at: moment.advanced(by: settings.beatInterval))
    }
}
