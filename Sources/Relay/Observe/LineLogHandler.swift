import Alerts
import Dispatch
import Glibc
import Logging
import Support

/// The log format: `logfmt` (key=value) or JSON, one line per event.
enum LogFormat: String, CaseIterable, Sendable {
    case logfmt
    case json
}

/// Writes one line per event: time, level, message, then the keys in alphabetical order.
struct LineLogHandler: LogHandler {
    var metadata: Logger.Metadata = [:]
    private let format: LogFormat
    private let sink: LogSink
    private let threshold: LogThreshold
    private let hasPriorities: Bool

    /// - Parameter hasPriorities: begin each line with its priority in angle brackets, which journald removes
    ///   (sd-daemon(3)).
    init(threshold: LogThreshold, format: LogFormat, sink: LogSink, hasPriorities: Bool = false) {
        self.threshold = threshold
        self.hasPriorities = hasPriorities
        self.format = format
        self.sink = sink
    }

    /// The level of the whole program, so that a reload can change it.
    var logLevel: Logger.Level {
        get { threshold.level }
        set { threshold.level = newValue }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var keys = metadata
        if let own = event.metadata { keys.merge(own) { $1 } }
        if let error = event.error { keys["err"] = "\(error)" }
        let pairs =
            [
                ("ts", Self.timestamp()), ("level", event.level.rawValue), ("msg", event.message.description),
            ] + keys.sorted { $0.key < $1.key }.map { ($0.key, $0.value.description) }
        let prefix = hasPriorities ? JournalStream.prefix(for: event.level) : ""
        sink.write(prefix + Self.line(pairs, as: format))
    }

    /// The time in milliseconds, always of the same width.
    static func timestamp(_ time: Timestamp = .now()) -> String {
        let second = Timestamp(seconds: time.seconds, nanoseconds: 0).rfc3339.dropLast()
        return "\(second).\(Int(time.nanoseconds / 1_000_000).padded(to: 3))Z"
    }

    static func line(_ pairs: [(String, String)], as format: LogFormat) -> String {
        switch format {
        case .logfmt: pairs.map { "\($0)=\(quotedIfNeeded($1))" }.joined(separator: " ") + "\n"
        case .json: "{" + pairs.map { "\(quoted($0)):\(quoted($1))" }.joined(separator: ",") + "}\n"
        }
    }

    private static func quotedIfNeeded(_ value: String) -> String {
        let isPlain = !value.isEmpty && value.unicodeScalars.allSatisfy(isPlain)
        return isPlain ? value : quoted(value)
    }

    private static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.isASCII { return scalar.value > 0x20 && scalar != "\u{7F}" && scalar != "\"" && scalar != "=" }
        return !scalar.properties.isWhitespace && !TerminalText.isHidden(scalar)
    }

    /// A JSON string, which logfmt parsers accept too. A line break in a value cannot forge a second event.
    private static func quoted(_ value: String) -> String {
        var writer = JSONWriter()
        writer.string(value)
        return TerminalText.escaped(String(decoding: writer.bytes, as: UTF8.self), keepsLines: false)
    }
}

/// Writes log lines to a descriptor. Writers never block.
///
/// A pipe without a reader blocks only the queue of this sink. Lines beyond one megabyte of backlog are dropped and
/// counted. Alerts matter more than their log.
final class LogSink: Sendable {
    private struct Backlog {
        var bytes: [UInt8] = []
        var isWriting = false
    }

    private let descriptor: Int32
    private let limit: Int
    private let queue = DispatchQueue(label: "log")
    private let backlog = Locked(Backlog())
    private let onDrop: @Sendable () -> Void

    init(descriptor: Int32 = STDERR_FILENO, limit: Int = 1 << 20, onDrop: @escaping @Sendable () -> Void = {}) {
        self.descriptor = descriptor
        self.limit = limit
        self.onDrop = onDrop
        // A log reader that exits must not end the program.
        signal(SIGPIPE, SIG_IGN)
    }

    func write(_ line: String) {
        let (isDropped, startsWriter) = backlog.withLock { backlog -> (Bool, Bool) in
            guard backlog.bytes.count + line.utf8.count < limit else { return (true, false) }
            backlog.bytes += line.utf8
            defer { backlog.isWriting = true }
            return (false, !backlog.isWriting)
        }
        if isDropped { onDrop() }
        if startsWriter { queue.async { self.drain() } }
    }

    /// Waits until all lines are written, at most for `timeout`. Called once, before the process exits.
    func flush(timeout: DispatchTimeInterval) {
        let done = DispatchSemaphore(value: 0)
        queue.async { done.signal() }
        _ = done.wait(timeout: .now() + timeout)
    }

    private func drain() {
        while true {
            let bytes = backlog.withLock { backlog in
                defer { backlog.bytes = [] }
                backlog.isWriting = !backlog.bytes.isEmpty
                return backlog.bytes
            }
            if bytes.isEmpty { return }
            writeAll(bytes)
        }
    }

    private func writeAll(_ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if errno == EAGAIN {
                var ready = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                poll(&ready, 1, -1)
            } else if errno != EINTR {
                return
            }
        }
    }
}

/// The minimum level that is logged. May change at run time.
final class LogThreshold: Sendable {
    private let current: Locked<Logger.Level>

    init(_ level: Logger.Level) {
        current = Locked(level)
    }

    var level: Logger.Level {
        get { current.withLock { $0 } }
        set { current.withLock { $0 = newValue } }
    }
}
