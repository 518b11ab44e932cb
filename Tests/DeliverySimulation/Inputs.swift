import DeliveryCore

extension World {
    func process(_ input: Scenario.Input) throws(Violation) {
        note("input \(input.kind.rawValue) \(input.a) \(input.b) \(input.c) \(input.d)")
        switch input.kind {
        case .accept: accept(input)
        case .fault: setFault(input)
        case .crash: if let holder { crash(holder, back: input.a) }
        case .stop: try stop()
        case .freeze: if let holder { replicas[holder].frozenUntil = now + min(input.a, 60_000) }
        case .partition: if let holder { replicas[holder].partitionedUntil = now + min(input.a, 60_000) }
        case .reload: try reload(input)
        case .journalFault: journal.failsUntil = max(journal.failsUntil, now + min(input.a, 60_000))
        }
        audit.disturbed(input.kind, at: now, length: input.a)
    }

    private func accept(_ input: Scenario.Input) {
        let nature = Nature(rawValue: input.c / 10) ?? .normal
        for offset in 0..<max(1, input.d) {
            audit.append()
            if nature.mayBeOmitted { audit.mayOmitEntries = true }
            if nature != .normal { audit.specials += 1 }
            journal.append(
                queue: input.a, group: UInt64(input.b + offset), isResolved: input.c % 10 == 1, nature: nature, at: now)
        }
        plan(.notice(queue: input.a), after: 2)
    }

    private func setFault(_ input: Scenario.Input) {
        servers[input.a].fault = Fault(rawValue: input.b) ?? .none
        servers[input.a].faultNumber += 1
        servers[input.a].changedAt = now
        audit.faultChanges(input.a, isHarmless: servers[input.a].fault.isHarmless, at: now, until: now + input.c)
        plan(.faultEnd(hook: input.a, number: servers[input.a].faultNumber), after: input.c)
    }

    private func stop() throws(Violation) {
        guard let holder, replicas[holder].lease == lease, replicas[holder].frozenUntil <= now,
            !replicas[holder].isStopping
        else { return }
        replicas[holder].isStopping = true
        try apply(.stop, to: holder)
    }

    private func reload(_ input: Scenario.Input) throws(Violation) {
        guard replicas.allSatisfy({ $0.frozenUntil <= now }) else { return }
        audit.reloadedAt = now
        let routes = topology.queues[input.a].routes
        topology.queues[input.a].routes = Array(routes.dropFirst() + routes.prefix(1))
        if let limit = topology.limits[input.b] {
            topology.limits[input.b] = PostLimit(posts: input.c, per: limit.window)
        }
        for hook in topology.limits.indices { model.change(hook, topology.limits[hook], at: now) }
        for replica in replicas.indices where replicas[replica].frozenUntil <= now {
            try apply(.reconfigured(topology), to: replica)
        }
    }
}
