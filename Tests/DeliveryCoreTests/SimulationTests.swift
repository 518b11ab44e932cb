import DeliverySimulation
import Foundation
import Testing

/// The invariants on fixed schedules. `make simulate` runs new ones.
struct SimulationTests {
    @Test(arguments: 0..<8 as Range<UInt64>)
    func fixedSeedsHoldTheInvariants(_ block: UInt64) {
        for seed in block * 20..<(block + 1) * 20 {
            let failure = Simulator.run(.random(seed: seed))
            #expect(failure == nil, "make simulate FIRST_SEED=\(seed) SEEDS=1: \(failure?.detail ?? "")")
        }
    }

    /// Scenarios that failed earlier, or in which a mutant fails.
    @Test(arguments: seeds) func committedScenarioHoldsTheInvariants(_ file: String) throws {
        let text = try String(contentsOfFile: Self.folder + "/" + file, encoding: .utf8)
        let scenario = try #require(Scenario(text))
        #expect(Simulator.run(scenario) == nil)
        #expect(Scenario(scenario.description) == scenario)
    }

    @Test func scheduleIsReproducible() {
        #expect(Simulator.trace(.random(seed: 5)) == Simulator.trace(.random(seed: 5)))
    }

    private static let folder = #filePath.replacingOccurrences(of: "SimulationTests.swift", with: "Seeds")
    static let seeds = (try? FileManager.default.contentsOfDirectory(atPath: folder))?.sorted() ?? []
}
