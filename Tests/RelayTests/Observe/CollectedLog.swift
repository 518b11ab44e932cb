import Support
import Logging

/// Collects log events as lines `level message key=value …`, with the keys in alphabetical order.
final class CollectedLog: Sendable {
    private let collected = Locked<[String]>([])

    var lines: [String] { collected.withLock { $0 } }
    /// The same without the levels.
    var texts: [String] { lines.map { String($0.drop { $0 != " " }.dropFirst()) } }

    var logger: Logger { Logger(label: "test") { [collected] _ in Handler(collected: collected) } }

    /// Returns and removes the lines that were logged since the last call.
    func drainLines() -> [String] {
        collected.withLock { lines in
            defer { lines = [] }
            return lines
        }
    }

    private struct Handler: LogHandler {
        let collected: Locked<[String]>
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let keys = (event.metadata ?? [:]).sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }
            collected.withLock { $0.append("\(event.level) \(event.message)" + keys.joined()) }
        }
    }
}
