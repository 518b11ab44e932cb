import Support
import Synchronization

/// A metric of one family, written as one or more lines of the exposition format.
protocol Metric: Sendable {
    init()
    /// The samples: name suffix, extra label and value.
    func samples() -> [MetricSample]
}

struct MetricSample: Sendable, Equatable {
    var suffix = ""
    var label: (name: String, value: String)?
    var value: Double

    static func == (left: MetricSample, right: MetricSample) -> Bool {
        left.suffix == right.suffix && left.value == right.value
            && left.label?.name == right.label?.name && left.label?.value == right.label?.value
    }
}

/// A number that only increases.
final class Counter: Metric {
    private let value = Atomic<Int>(0)

    func increment(by amount: Int = 1) {
        value.add(amount, ordering: .relaxed)
    }

    var current: Int { value.load(ordering: .relaxed) }

    func samples() -> [MetricSample] { [MetricSample(value: Double(current))] }
}

/// Counts durations in seconds by bucket.
final class Histogram: Metric {
    /// From half a millisecond (a commit) to ten minutes (a backlog after a storm).
    static let bounds: [Double] = [
        0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600,
    ]

    private struct State {
        var counts = [Int](repeating: 0, count: Histogram.bounds.count)
        var count = 0
        var sum = 0.0
    }

    private let state = Locked(State())

    func observe(_ duration: Duration) {
        let seconds = max(0, duration / .seconds(1))
        state.withLock { state in
            if let bucket = Self.bounds.firstIndex(where: { seconds <= $0 }) { state.counts[bucket] += 1 }
            state.count += 1
            state.sum += seconds
        }
    }

    func samples() -> [MetricSample] {
        let state = state.withLock { $0 }
        var cumulative = 0
        var samples: [MetricSample] = []
        for (bound, count) in zip(Self.bounds, state.counts) {
            cumulative += count
            samples.append(MetricSample(suffix: "_bucket", label: ("le", "\(bound)"), value: Double(cumulative)))
        }
        samples.append(MetricSample(suffix: "_bucket", label: ("le", "+Inf"), value: Double(state.count)))
        samples.append(MetricSample(suffix: "_sum", value: state.sum))
        samples.append(MetricSample(suffix: "_count", value: Double(state.count)))
        return samples
    }
}

/// Writes a metric family in the exposition format, for every kind of metric.
protocol MetricFamilyText: Sendable {
    func write(to text: inout MetricsText)
}

/// All metrics of one name, distinguished by label values, which must come from small fixed sets.
final class MetricFamily<Kind: Metric>: MetricFamilyText {
    let name: String
    private let help: String
    private let labels: [String]
    fileprivate let metrics: Locked<[[String]: Kind]>

    /// - Parameter existing: label values that start at zero, so that `rate()` and alerts see a series from the start.
    init(_ name: String, _ help: String, labels: [String] = [], existing: [[String]] = []) {
        self.name = name
        self.help = help
        self.labels = labels
        let initial = labels.isEmpty ? [[]] : existing.map { Self.padded($0, to: labels.count) }
        metrics = Locked(Dictionary(uniqueKeysWithValues: initial.map { ($0, Kind()) }))
    }

    /// Trailing labels may be omitted. They are empty then, which equals absent in the exposition format.
    subscript(_ given: String...) -> Kind {
        expect(given.count <= labels.count, "\(name) has only \(labels.count) labels")
        let values = Self.padded(given, to: labels.count)
        return metrics.withLock { metrics in
            if let metric = metrics[values] { return metric }
            let metric = Kind()
            metrics[values] = metric
            return metric
        }
    }

    private static func padded(_ values: [String], to count: Int) -> [String] {
        values.count == count ? values : values + repeatElement("", count: count - values.count)
    }

    func write(to text: inout MetricsText) {
        let kind = Kind.self == Counter.self ? "counter" : "histogram"
        text.begin(name, help: help, type: kind)
        let metrics = metrics.withLock { $0 }.sorted { $0.key.lexicographicallyPrecedes($1.key) }
        for (values, metric) in metrics {
            for sample in metric.samples() {
                var pairs = zip(labels, values).filter { !$0.1.isEmpty }
                if let label = sample.label { pairs.append((label.name, label.value)) }
                text.add(name + sample.suffix, labels: pairs, value: sample.value)
            }
        }
    }
}

extension MetricFamily<Counter> {
    /// The sum over all label values.
    var total: Int { metrics.withLock { $0.values.reduce(0) { $0 + $1.current } } }
}

/// The Prometheus text exposition format 0.0.4.
struct MetricsText {
    static let contentType = "text/plain; version=0.0.4; charset=utf-8"
    private(set) var text = ""

    mutating func begin(_ name: String, help: String, type: String) {
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
    }

    mutating func add(_ name: String, labels: [(String, String)] = [], value: Double) {
        text += name
        if !labels.isEmpty {
            text += "{" + labels.map { "\($0)=\"\(Self.escape($1))\"" }.joined(separator: ",") + "}"
        }
        text += " \(Self.format(value))\n"
    }

    private static func escape(_ value: String) -> String {
        var escaped = ""
        for character in value {
            switch character {
            case "\\": escaped += "\\\\"
            case "\"": escaped += "\\\""
            case "\n": escaped += "\\n"
            default: escaped.append(character)
            }
        }
        return escaped
    }

    private static func format(_ value: Double) -> String {
        value == value.rounded() && abs(value) < 1e15 ? String(Int(value)) : "\(value)"
    }
}
