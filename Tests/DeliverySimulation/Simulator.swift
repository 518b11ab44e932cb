/// Runs schedules, and shrinks failing ones.
public enum Simulator {
    public struct Failure: Sendable {
        public var seed: UInt64
        public var kind: String
        public var detail: String
    }

    /// Runs a schedule. Returns nil if all invariants hold.
    public static func run(_ scenario: Scenario, _ statistics: inout World.Statistics) -> Failure? {
        let world = World(scenario)
        defer { statistics.add(world.statistics) }
        return failure(of: world)
    }

    public static func run(_ scenario: Scenario) -> Failure? {
        var statistics = World.Statistics()
        return run(scenario, &statistics)
    }

    private static func failure(of world: World) -> Failure? {
        do throws(World.Violation) {
            try world.run()
            return nil
        } catch {
            return Failure(seed: world.scenario.seed, kind: error.kind, detail: error.detail)
        }
    }

    /// The trace of a scenario: all events and actions, and the violation at the end.
    public static func trace(_ scenario: Scenario) -> String {
        let world = World(scenario, isTraced: true)
        let failure = failure(of: world)
        let lines = world.trace ?? []
        let end = failure.map { "VIOLATION \($0.kind): \($0.detail)" } ?? "no violation"
        return (lines + ["\(world.now) \(end)"]).joined(separator: "\n")
    }

    /// Removes inputs that the violation does not need: chunks, then single inputs, then replicas and sizes.
    public static func shrink(_ scenario: Scenario, kind: String) -> Scenario {
        var best = scenario
        func stillFails(_ candidate: Scenario) -> Bool { run(candidate)?.kind == kind }
        var chunk = max(1, best.inputs.count / 2)
        while true {
            var start = 0
            var hasShrunk = false
            while start < best.inputs.count {
                var candidate = best
                candidate.inputs.removeSubrange(start..<min(start + chunk, best.inputs.count))
                if stillFails(candidate) { (best, hasShrunk) = (candidate, true) } else { start += chunk }
            }
            if chunk == 1, !hasShrunk { break }
            chunk = max(1, chunk / 2)
        }
        if best.replicas > 1 {
            var candidate = best
            candidate.replicas = 1
            if stillFails(candidate) { best = candidate }
        }
        for index in best.inputs.indices where best.inputs[index].kind == .accept {
            for count in [1, 2, 3, 5, 10] where count < best.inputs[index].d {
                var candidate = best
                candidate.inputs[index].d = count
                if stillFails(candidate) {
                    best = candidate
                    break
                }
            }
        }
        return best
    }
}

extension World.Statistics {
    mutating func add(_ other: World.Statistics) {
        schedules += 1
        events += other.events
        posts += other.posts
        folds += other.folds
        smallerForms += other.smallerForms
        rerouted += other.rerouted
        crashes += other.crashes
        notices += other.notices
        followUps += other.followUps
        bisections += other.bisections
        takeovers += other.takeovers
        deadLetters += other.deadLetters
        expired += other.expired
        pauses += other.pauses
        records += other.records
    }
}
