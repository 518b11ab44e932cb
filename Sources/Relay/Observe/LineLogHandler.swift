import Glibc
import Logging

/// How a log event is written: `logfmt` (key=value) or one JSON object a line.
enum LogFormat: String, CaseIterable, Sendable {
    case logfmt
    case json
}

/// One line an event: time, level, message, then the keys in the order of their names.
struct LineLogHandler: LogHandler {
    var metadata: Logger.Metadata = [:]
    private let format: LogFormat
    private let sink: LogSink
    private let threshold: LogThreshold

    init(threshold: LogThreshold, format: LogFormat, sink: LogSink) {
        self.threshold = threshold
        self.format = format
        self.sink = sink
    }

    /// One for the whole program, so that a reload can change it.
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
        sink.write(Self.line(pairs, as: format))
    }

    /// Now, to the millisecond.
    private static func timestamp() -> String {
        var now = Timestamp.now()
        now.nanoseconds -= now.nanoseconds % 1_000_000
        return now.rfc3339
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

    /// A JSON string, which logfmt's readers take too; a line break in a value cannot fake a second event.
    private static func quoted(_ value: String) -> String {
        var writer = JSONWriter()
        writer.string(value)
        return TerminalText.escaped(String(decoding: writer.bytes, as: UTF8.self), keepsLines: false)
    }
}
