#if canImport(Glibc)
    import Glibc
#endif
import DeliverySimulation

#if MUTANTS
    import DeliveryCore
#endif

/// The value of a command line option, such as `--seeds 1000`; nil if it is absent.
func option(_ name: String) -> String? {
    let arguments = CommandLine.arguments
    guard let index = arguments.firstIndex(of: name), index + 1 < arguments.count else { return nil }
    return arguments[index + 1]
}

func seconds(since start: ContinuousClock.Instant) -> Double {
    let took = ContinuousClock.now - start
    return Double(took.components.seconds) + Double(took.components.attoseconds) / 1e18
}

/// Runs schedules until the given number has failed. Shrinks and traces the first failure.
func simulate(first: UInt64, count: UInt64, failures limit: Int) -> Bool {
    print("seeds \(first) to \(first &+ count &- 1)")
    let start = ContinuousClock.now
    var statistics = World.Statistics()
    var failures: [Simulator.Failure] = []
    for seed in first..<(first &+ count) where failures.count < limit {
        guard let failure = Simulator.run(.random(seed: seed), &statistics) else { continue }
        print("seed \(seed): \(failure.kind): \(failure.detail)")
        failures.append(failure)
    }
    let perMinute = Int(Double(statistics.schedules) / max(seconds(since: start), 0.001) * 60)
    print("\(statistics.schedules) seeds, \(perMinute) a minute, \(failures.count) failed")
    print(statistics)
    if let failure = failures.first {
        let shrunk = Simulator.shrink(.random(seed: failure.seed), kind: failure.kind)
        print("--- seed \(failure.seed), shrunk:\n\(shrunk)--- trace:\n\(Simulator.trace(shrunk))")
    }
    return failures.isEmpty
}

/// Runs a scenario file and prints its trace.
func replay(_ path: String) throws -> Bool {
    guard let scenario = Scenario(try Weaver.read(path)) else {
        print("\(path) is no scenario")
        return false
    }
    print(Simulator.trace(scenario))
    return Simulator.run(scenario) == nil
}

#if MUTANTS
    /// Runs schedules with each mutant until one fails.
    func findMutants(first: UInt64, count: UInt64) -> Bool {
        var (tried, survivors) = (0, 0)
        for (index, mutant) in Mutant.all.enumerated() {
            if let only = option("--only"), !mutant.name.contains(only) { continue }
            activeMutant = index + 1
            tried += 1
            let start = ContinuousClock.now
            let failure = (first..<(first &+ count)).lazy.compactMap { Simulator.run(.random(seed: $0)) }.first
            let took = Int(seconds(since: start) * 1_000)
            if let failure {
                print("\(index + 1) \(mutant.name): seed \(failure.seed), \(failure.kind), \(took) ms")
                if CommandLine.arguments.contains("--shrink") {
                    print(Simulator.shrink(.random(seed: failure.seed), kind: failure.kind))
                }
            } else {
                survivors += 1
                print("\(index + 1) \(mutant.name): SURVIVES \(count) seeds")
            }
        }
        print("\(tried - survivors) of \(tried) mutants found")
        return survivors == 0
    }
#endif

/// The first seed without `--first`, at random.
func freshSeed() -> UInt64 { UInt64.random(in: 0...(1 << 40)) }

func main() throws -> Bool {
    let count = option("--seeds").flatMap(UInt64.init) ?? 10_000
    if let target = option("--weave") {
        try Weaver.weave(from: "Sources/DeliveryCore", to: target)
        return true
    }
    if let path = option("--replay") { return try replay(path) }
    #if MUTANTS
        return findMutants(first: option("--first").flatMap(UInt64.init) ?? 0, count: count)
    #else
        let first = option("--first").flatMap(UInt64.init) ?? freshSeed()
        return simulate(first: first, count: count, failures: option("--failures").flatMap(Int.init) ?? 10)
    #endif
}

do {
    if try !main() { exit(1) }
} catch {
    print("\(error)")
    exit(2)
}
