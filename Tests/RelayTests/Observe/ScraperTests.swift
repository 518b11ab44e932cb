import Libevent
import Testing

@testable import Alerts
@testable import Journaling
@testable import Relay
@testable import RocketChat
@testable import SQLiteJournal
@testable import Support

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
}
