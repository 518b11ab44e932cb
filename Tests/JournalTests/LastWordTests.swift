import TestSupport
import Testing

@testable import Alerts
@testable import Journaling
@testable import Support

/// Webhooks of a cluster's members, from the body to the journal: the last stored notification has the newest state.
@Suite(.timeLimit(.minutes(1))) struct LastWordTests {
    /// The alerts of a group: lower-case letters fire, upper-case letters are resolved.
    private typealias State = String

    /// A member's webhook and when it arrives, in milliseconds.
    private struct Webhook {
        var state: State
        var member: Int
        var at: Int64
    }

    /// Members evaluate annotations at different moments and have different addresses.
    private func body(_ webhook: Webhook, _ number: Int) -> [UInt8] {
        let alerts = webhook.state.map { letter in
            let isResolved = letter.isUppercase
            return alertJSON(
                status: isResolved ? #""resolved""# : #""firing""#,
                labels: #"{"alertname":"A","severity":"critical","x":"\#(letter.lowercased())"}"#,
                annotations: #"{"summary":"the value is \#(number)"}"#,
                endsAt: isResolved ? #""2026-01-30T11:00:00Z""# : #""0001-01-01T00:00:00Z""#,
                fingerprint: "\"\(letter.lowercased())\"")
        }
        let isFiring = webhook.state.contains { $0.isLowercase }
        let text = webhookBody(
            status: isFiring ? #""firing""# : #""resolved""#, alerts: "[\(alerts.joined(separator: ","))]",
            more: [("externalURL", #""http://member-\#(webhook.member):9093""#)])
        return Array(text.utf8)
    }

    /// The state that the stored notification shows.
    private func state(_ notification: Alerts.Notification) throws -> State {
        let alerts = try WebhookParser().decode(notification.body).alerts
        return alerts.map { $0.status == .firing ? $0.fingerprint : $0.fingerprint.uppercased() }.joined()
    }

    /// Each member sends all states in their order, some merged into the next one and some again because the response
    /// was lost. The last one is never merged. A member can be late by more than the dedupe window.
    private func webhooks(_ states: [State], _ random: inout SeededGenerator) -> [Webhook] {
        var webhooks: [Webhook] = []
        for member in 0..<2 {
            var at = Int64.random(in: 0...90_000, using: &random)
            for (index, state) in states.enumerated() {
                if index < states.count - 1, Int.random(in: 0..<5, using: &random) == 0 { continue }
                for _ in 0..<Int.random(in: 1...3, using: &random) {
                    webhooks.append(Webhook(state: state, member: member, at: at))
                    at += Int64.random(in: 100...(Bool.random(using: &random) ? 3_000 : 70_000), using: &random)
                }
            }
        }
        return webhooks.sorted { $0.at < $1.at }
    }

    @Test(arguments: 1...60)
    func lastStoredNotificationHasTheNewestState(seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        var states: [State] = []
        for _ in 0..<Int.random(in: 1...7, using: &random) {
            // A group often fires, resolves and fires again with the same start.
            let next: [State] = ["a", "A", "a", "A", "ab", "aB", "Ab"].filter { $0 != states.last }
            states.append(next.randomElement(using: &random) ?? "a")
        }
        let bench = try JournalBench()
        let parser = WebhookParser()
        var shown: [(state: State, at: Int64)] = []
        for (number, webhook) in webhooks(states, &random).enumerated() {
            let now = Timestamp.sample.advanced(bySeconds: webhook.at / 1_000)
            bench.clock.withLock { $0 = now }
            try bench.journal.append(parser.parse(body(webhook, number), acceptedAt: now), for: number)
            try await bench.waitForAnswers(number + 1)
            let outcome = try bench.results()[number].get()
            let isRecent = shown.last.map { webhook.at / 1_000 - $0.at / 1_000 < 60 } ?? false
            #expect(outcome.isDuplicate == (isRecent && shown.last?.state == webhook.state))
            if outcome.isDuplicate { continue }
            let stored = try #require(outcome.notifications.first)
            #expect(try state(stored.value) == webhook.state)
            shown.append((webhook.state, webhook.at))
        }
        #expect(shown.last?.state == states.last)
    }
}
