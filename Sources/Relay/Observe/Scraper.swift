import Dispatch
import Libevent

/// Renders metrics off the loop, one scrape at a time. Requests that arrive meanwhile share the next scrape, so that a
/// flood of them costs one scrape after another, and no connection waits behind the scrapes of others.
@LoopActor
final class Scraper {
    typealias Reply = @LoopActor @Sendable (String) -> Void

    private let prepare: @LoopActor () -> Scrape
    private var waiting: [Reply] = []
    private var isRunning = false

    /// - Parameter prepare: takes what only the loop knows; the rest reads files of /proc.
    init(_ prepare: @escaping @LoopActor () -> Scrape) { self.prepare = prepare }

    func scrape(_ done: @escaping Reply) {
        waiting.append(done)
        if !isRunning { run() }
    }

    private func run() {
        let (scrape, replies) = (prepare(), waiting)
        waiting = []
        isRunning = true
        DispatchQueue.global(qos: .utility).async { @Sendable in
            let text = scrape.text()
            LoopActor.post { [weak self] in
                for reply in replies { reply(text) }
                self?.finished()
            }
        }
    }

    private func finished() {
        isRunning = false
        if !waiting.isEmpty { run() }
    }
}
