import Testing

@testable import Relay

@Suite struct DescriptorLimitTests {
    @Test(arguments: [
        (1024, 4096, 960), (1_048_576, 4096, 4096), (1024, 100, 100), (64, 4096, 32), (100, 4096, 50), (1, 4096, 1),
        (0, 4096, 1),
    ])
    func connectionsLeaveAReserve(descriptors: Int, setting: Int, expected: Int) {
        #expect(DescriptorLimit(descriptors: descriptors).connections(setting) == expected)
    }

    @Test func raisedLimitIsUsable() {
        #expect(DescriptorLimit.raise().descriptors >= 64)
    }
}
