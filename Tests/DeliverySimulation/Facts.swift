import DeliveryCore

/// Checks of the machine's facts, of the hooks' conditions and of banners.
extension World {
    func note(_ fact: Fact, _ replica: Int) throws(Violation) {
        switch fact {
        case .posted(let attempt): try checkAttempt(attempt)
        case .rejected(let queue, let hook, let id):
            let entry = Int(id.rawValue)
            if audit.queues[queue.index].rejected.entry != entry { audit.queues[queue.index].rejected = (entry, 0) }
            audit.queues[queue.index].rejected.hooks |= 1 << UInt32(hook.index)
            audit.queues[queue.index].verdicts[hook.index] = (entry, model.epoch(hook.index))
        case .bisecting: statistics.bisections += 1
        case .followUpWaits(let hook, let followUp):
            if !journal.isResolved[Int(followUp.id.rawValue)] { throw fail("follow-up", "\(followUp) is not resolved") }
            audit.announced[hook.index].insert(followUp.id)
        case .followUpDropped(_, let followUp):
            audit.followUpsDropped.insert(Audit.Key(queue: followUp.queue.index, group: followUp.group))
        default: break
        }
    }

    /// The number of attempts must be right, also after a reload.
    private func checkAttempt(_ attempt: Attempt) throws(Violation) {
        let known = audit.queues[attempt.queue.index].attempts
        guard replicas.count == 1, attempt.form != .notice, attempt.number != known.count else { return }
        throw fail("attempt", "entry \(known.entry) was posted \(known.count) times, not \(attempt.number)")
    }

    /// A follow-up must be announced before it is posted.
    func checkAnnounced(_ followUps: [FollowUp], _ hook: Int) throws(Violation) {
        for followUp in followUps where !audit.announced[hook].contains(followUp.id) {
            throw fail("follow-up", "\(followUp) was not announced")
        }
    }

    /// The condition of each hook must match its results.
    func checkConditions(_ replica: Int) throws(Violation) {
        guard replicas.count == 1, let machine = replicas[replica].machine else { return }
        for hook in topology.limits.indices {
            let condition = machine.condition(of: HookID(hook))
            let isBusy = model.isPosting(hook) || isComposing(hook, replica)
            // The machine does not expose which hook a gathering queue holds.
            if condition == .probing, !isBusy, replicas[replica].isLoading.contains(true) { continue }
            let expected: HookCondition = !model.isSuspended(hook) ? .working : isBusy ? .probing : .suspended
            if condition != expected { throw fail("condition", "hook \(hook): \(condition), not \(expected)") }
        }
    }

    func isComposing(_ hook: Int, _ replica: Int) -> Bool {
        topology.queues.indices.contains { queue in
            replicas[replica].isComposing[queue] && replicas[replica].compositions[queue]?.hook.index == hook
        }
    }

    func checkBanner(_ composition: Composition) throws(Violation) {
        let (queue, first) = (composition.queue.index, composition.ids.first.map { Int($0.rawValue) })
        let isRerouted = composition.hook != topology.queues[queue].routes.first
        if composition.marks.contains(.rerouted) != isRerouted { throw fail("marks", "\(composition)") }
        guard replicas.count == 1 else { return }
        let isRefused = topology.limits.indices.contains { hook in
            let verdict = audit.queues[queue].verdicts[hook]
            return verdict.map { $0.entry == first && $0.epoch == model.epoch(hook) } ?? false
        }
        if composition.marks.contains(.refused) != (isRerouted && isRefused) { throw fail("marks", "\(composition)") }
    }
}
