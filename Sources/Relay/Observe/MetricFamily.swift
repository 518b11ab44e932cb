import Libevent

/// A family as the exposition format writes it, whatever kind of metric it holds.
protocol MetricFamilyText: Sendable {
    func write(to text: inout MetricsText)
}

/// All metrics of one name, told apart by the values of its labels, which must come from small fixed sets.
final class MetricFamily<Kind: Metric>: MetricFamilyText {
    let name: String
    private let help: String
    private let labels: [String]
    private let metrics: Locked<[[String]: Kind]>

    /// - Parameter existing: label values that are shown as zero before anything happened, so that `rate()` and alerts
    ///   see a series from the start.
    init(_ name: String, _ help: String, labels: [String] = [], existing: [[String]] = []) {
        self.name = name
        self.help = help
        self.labels = labels
        let initial = labels.isEmpty ? [[]] : existing.map { Self.padded($0, to: labels.count) }
        metrics = Locked(Dictionary(uniqueKeysWithValues: initial.map { ($0, Kind()) }))
    }

    /// Labels at the end may be left out: they are empty then, which the exposition format takes for absent.
    subscript(_ given: String...) -> Kind {
        precondition(given.count <= labels.count, "\(name) has \(labels.count) labels")
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
        let kind = Kind.self == Counter.self ? "counter" : Kind.self == Gauge.self ? "gauge" : "histogram"
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

/// Prometheus' text exposition format 0.0.4.
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

    /// One gauge without state of its own.
    mutating func addGauge(_ name: String, _ help: String, type: String = "gauge", value: Double) {
        begin(name, help: help, type: type)
        add(name, value: value)
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
