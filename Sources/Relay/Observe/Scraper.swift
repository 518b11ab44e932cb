import Dispatch
import Libevent

/// Renders metrics off the loop, one scrape at a time. Requests that arrive during a scrape share the next one. So a
/// flood of requests runs one scrape at a time, and no request waits for more than two.
@LoopActor
final class Scraper {
    typealias Reply = @LoopActor @Sendable (String) -> Void

    private let metrics: Metrics
    private var waiting: [Reply] = []
    private var isRunning = false

    init(_ metrics: Metrics) { self.metrics = metrics }

    func scrape(_ done: @escaping Reply) {
        waiting.append(done)
        if !isRunning { run() }
    }

    private func run() {
        let (metrics, readings, replies) = (metrics, metrics.readGauges(), waiting)
        waiting = []
        isRunning = true
        DispatchQueue.global(qos: .utility).async { @Sendable in
            var text = metrics.text(readings)
            // Reads files of /proc.
            ProcessMetrics()?.write(to: &text)
            let page = text.text
            LoopActor.post { [weak self] in
                for reply in replies { reply(page) }
                self?.finished()
            }
        }
    }

    private func finished() {
        isRunning = false
        if !waiting.isEmpty { run() }
    }
}
