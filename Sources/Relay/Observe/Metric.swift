import Libevent
import Synchronization

/// A number of one metric family, as it is written on one line of the exposition format or several.
protocol Metric: Sendable {
    init()
    /// The sample lines' name suffixes, extra label and values.
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

/// A number that only grows.
final class Counter: Metric {
    private let value = Atomic<Int>(0)

    func increment(by amount: Int = 1) {
        value.add(amount, ordering: .relaxed)
    }

    var current: Int { value.load(ordering: .relaxed) }

    func samples() -> [MetricSample] { [MetricSample(value: Double(current))] }
}

/// A number that goes both ways.
final class Gauge: Metric {
    private let bits = Atomic<UInt64>(0)

    func set(_ value: Double) {
        bits.store(value.bitPattern, ordering: .relaxed)
    }

    func samples() -> [MetricSample] {
        [MetricSample(value: Double(bitPattern: bits.load(ordering: .relaxed)))]
    }
}

/// How often values fell into each of a row of ranges; for durations in seconds.
final class Histogram: Metric {
    /// From half a millisecond, which a commit takes, to ten minutes, which a storm's backlog may.
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
