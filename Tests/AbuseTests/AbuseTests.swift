import Foundation
import TestSupport
import Testing

/// Unauthenticated clients cannot deny service to others or exhaust the memory. Each attack runs for a while against
/// the built program, and the test checks its health, honest senders, memory and descriptors. `ABUSE_SECONDS` sets the
/// duration of each attack, and `ABUSE_KIND` selects attacks by a part of their name.
@Suite(.serialized)
struct AbuseTests {
    /// The limits that SECURITY.md and docs/TESTING.md state.
    private enum Limit {
        /// Resident memory with the default settings under any attack.
        static let peakMemory = 224 << 20
        /// The slowest response to a health check. Responses above a second are counted as late. The debug build, which
        /// is used without a release build, is slower.
        static let slowestCheck = Duration.seconds(AbuseRig.isOptimized ? 5 : 15)
    }

    private static let seconds = Int(ProcessInfo.processInfo.environment["ABUSE_SECONDS"] ?? "") ?? 2

    private static let attacks: [Attack] = {
        guard let kind = ProcessInfo.processInfo.environment["ABUSE_KIND"] else { return Attack.all }
        return Attack.all.filter { $0.name.contains(kind) }
    }()

    @Test(arguments: attacks)
    func relayServesHonestClientsUnderAttack(attack: Attack) throws {
        let certificates = TemporaryFolder()
        var settings = attack.settings
        if attack.usesTLS {
            settings["RELAY_TLS_CERT_FILE"] = certificates.path + "/certificate"
            settings["RELAY_TLS_KEY_FILE"] = certificates.path + "/key"
            try SelfSigned.make(
                certificate: certificates.path + "/certificate", key: certificates.path + "/key", names: "IP:127.0.0.1")
        }
        let rig = try AbuseRig(environment: settings)
        let tunnel = attack.usesTLS ? try TLSTunnel(to: rig.port) : nil
        let honest = HonestTraffic(port: tunnel?.port ?? rig.port, headers: attack.honestHeaders)
        #expect(eventually { honest.webhooks > 0 && honest.checks > 0 })
        let before = try rig.descriptors()

        let crowd = SocketCrowd(port: rig.port, keeping: 0)
        for number in 0..<attack.connections {
            let source = 0x10000 + UInt32(number) % attack.addresses
            crowd.add(attack.scripts[number % attack.scripts.count], from: source)
        }
        crowd.run(for: .seconds(Self.seconds))
        let (opened, sent) = (crowd.connections, crowd.bytesSent)
        crowd.closeAll()
        // The relay closes the attack's connections; the honest ones stay.
        let hasReturned = try eventually { try rig.descriptors() <= before + 4 }
        let tally = honest.stop()
        let peak = try rig.peakMemory()
        let after = try rig.descriptors()

        #expect(rig.relay.isRunning, "\(rig.relay.output.suffix(2000))")
        #expect(hasReturned, "\(before) descriptors before, \(after) after")
        #expect(tally.failedChecks.isEmpty, "\(tally.failedChecks.prefix(3))")
        #expect(tally.failedWebhooks.isEmpty, "\(tally.failedWebhooks.prefix(3))")
        #expect(tally.webhooks > tally.delayedWebhooks)
        if !attack.delaysHonestSenders { #expect(tally.delayedWebhooks == 0) }
        if !AbuseRig.isSanitized {
            #expect(tally.slowestCheck < Limit.slowestCheck)
            #expect(peak < Limit.peakMemory, "\(peak >> 20) MiB")
        }
        let columns = [
            attack.name, "\(opened)", "\(sent >> 20)", "\(tally.checks)", "\(tally.lateChecks)",
            milliseconds(tally.slowestCheck), "\(tally.webhooks)", "\(tally.delayedWebhooks)",
            milliseconds(tally.slowestWebhook), "\(peak >> 20)",
        ]
        Self.printHeading()
        print("| " + columns.joined(separator: " | ") + " |")
    }

    /// Prints the heading once, before the first row.
    private static let heading: Void = {
        print("AbuseTests: \(seconds) s each against \(AbuseRig.program)")
        let titles = [
            "abuse", "connections", "MiB sent", "health checks", "late", "slowest ms", "webhooks", "put off",
            "slowest ms", "peak MiB",
        ]
        print("| " + titles.joined(separator: " | ") + " |")
    }()

    private static func printHeading() { heading }

    private func milliseconds(_ duration: Duration) -> String {
        "\(duration.components.seconds * 1000 + duration.components.attoseconds / 1_000_000_000_000_000)"
    }
}
