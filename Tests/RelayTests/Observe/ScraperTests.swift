import Libevent
import Testing

@testable import Relay

@Suite(.timeLimit(.minutes(1))) @LoopActor
struct ScraperTests {
    @Test func requestsDuringAScrapeShareTheNextOne() async throws {
        var scrapes = 0
        let metrics = Metrics()
        metrics.register("relay_tls_handshakes_failed_total", "Help.", type: "counter") {
            scrapes += 1
            return Double(scrapes)
        }
        let scraper = Scraper(metrics)
        var texts: [String] = []
        for _ in 0..<100 { scraper.scrape { texts.append($0) } }
        while texts.count < 100 { try await Task.sleep(for: .milliseconds(2)) }
        #expect(scrapes == 2, "the first, and one for the 99 requests made while it ran")
        let line = { (count: Int) in "relay_tls_handshakes_failed_total \(count)\n" }
        #expect(texts[0].contains(line(1)) && texts[1...].allSatisfy { $0.contains(line(2)) })
        scraper.scrape { texts.append($0) }
        while texts.count < 101 { try await Task.sleep(for: .milliseconds(2)) }
        #expect(texts[100].contains(line(3)), "a scrape reflects the state at its request, or later")
    }

    /// The page of one scrape.
    private func page(of metrics: Metrics) async throws -> String {
        let scraper = Scraper(metrics)
        var page: String?
        scraper.scrape { page = $0 }
        while page == nil { try await Task.sleep(for: .milliseconds(2)) }
        return page ?? ""
    }

    @Test func propertiesAppearInTheExposition() async throws {
        let metrics = Metrics()
        metrics.duplicatesSuppressed[].increment(by: 3)
        metrics.journalCommitDuration[].observe(.milliseconds(1))
        metrics.payloadsRejected["draining"].increment()
        let page = try await page(of: metrics)
        #expect(
            page.contains(
                """
                # HELP relay_duplicates_suppressed_total Webhooks dropped as duplicates within RELAY_DEDUPE_WINDOW.
                # TYPE relay_duplicates_suppressed_total counter
                relay_duplicates_suppressed_total 3

                """))
        #expect(page.contains("# TYPE relay_journal_commit_duration_seconds histogram\n"))
        #expect(page.contains("\nrelay_journal_commit_duration_seconds_count 1\n"))
        #expect(page.contains("\nrelay_payloads_rejected_total{reason=\"draining\"} 1\n"))
        #expect(page.contains("\nrelay_alerts_received_total{severity=\"info\",status=\"resolved\"} 0\n"))
        #expect(page.contains("\nprocess_open_fds "), "the process's own metrics are included")
    }

    @Test func registeredMetricsAppearInTheExposition() async throws {
        let metrics = Metrics()
        metrics.register("relay_test_state", "The state.") {
            [.init(labels: [("room", "a")], value: 1), .init(labels: [("room", "b")], value: 2.5)]
        }
        metrics.register("relay_test_seconds", "The time.") { 7 }
        metrics.register("relay_test_total", "The number.", type: "counter") { 9 }
        let page = try await page(of: metrics)
        #expect(
            page.contains(
                """
                # HELP relay_test_state The state.
                # TYPE relay_test_state gauge
                relay_test_state{room="a"} 1
                relay_test_state{room="b"} 2.5
                # HELP relay_test_seconds The time.
                # TYPE relay_test_seconds gauge
                relay_test_seconds 7
                # HELP relay_test_total The number.
                # TYPE relay_test_total counter
                relay_test_total 9

                """))
        for line in Set(page.split(separator: "\n").filter { $0.hasPrefix("# TYPE") }) {
            #expect(page.split(separator: "\n").filter { $0 == line }.count == 1, "\(line)")
        }
    }
}
