import TestSupport
import Testing

@testable import Alerts

@Suite struct MutationTests {
    let parser = WebhookParser()

    @Test(arguments: WebhookFixture.all.filter { $0.body.count < 6000 })
    func aMutatedBodyIsRefusedOrDecodesWhole(fixture: WebhookFixture) throws {
        var random = SeededGenerator(seed: UInt64(fixture.body.count))
        var accepted = 0
        for _ in 0..<300 {
            var body = fixture.body
            for _ in 0..<Int.random(in: 1...3, using: &random) { mutate(&body, using: &random) }
            accepted += try isAccepted(body) ? 1 : 0
        }
        #expect(accepted < 300)
    }

    /// Returns whether the body is accepted, and then checks that its parts hold its alerts.
    private func isAccepted(_ body: [UInt8]) throws -> Bool {
        let batch: AlertBatch
        do {
            batch = try parser.parse(body, acceptedAt: .now())
        } catch {
            #expect(!error.message.isEmpty && error.reason != .outOfMemory)
            #expect(throws: error) { try parser.decode(body) }
            return false
        }
        let whole = try parser.decode(body)
        #expect(whole.alerts.count == batch.alerts)
        let parts = try batch.notifications.flatMap { try parser.decode($0.body).alerts }
        #expect(parts.count == batch.alerts && parts.allSatisfy(whole.alerts.contains))
        return true
    }
}

private let interesting: [UInt8] =
    Array("\"\\{}[]:,0-9eEtfnu \n".utf8) + [0, 0x7F, 0x80, 0xC0, 0xED, 0xF4, 0xFF]

/// Changes, inserts or removes some bytes.
func mutate(_ body: inout [UInt8], using random: inout SeededGenerator) {
    let position = Int.random(in: 0..<body.count, using: &random)
    let length = Int.random(in: 1...20, using: &random)
    let range = position..<min(body.count, position + length)
    switch Int.random(in: 0..<6, using: &random) {
    case 0: body[position] = interesting.randomElement(using: &random) ?? 0
    case 1: body[position] ^= 1 << UInt8.random(in: 0..<8, using: &random)
    case 2: body.insert(interesting.randomElement(using: &random) ?? 0, at: position)
    case 3 where range.count < body.count: body.removeSubrange(range)
    case 4: body.insert(contentsOf: Array(body[range]), at: Int.random(in: 0...body.count, using: &random))
    default: body.removeLast(min(body.count - 1, length))
    }
}
