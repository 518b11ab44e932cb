/// The watchdogs of a configuration. Their alerts always fire, to prove that alerting works, and are not posted.
package struct WatchdogMatcher: Sendable {
    package struct Entry: Sendable {
        package var name: String
        /// All of them must match.
        package var matchers: [LabelMatcher]
        /// The label whose values distinguish senders, for example one Prometheus from another; nil for one sender.
        package var label: String?

        package init(name: String, matchers: [LabelMatcher], label: String? = nil) {
            self.name = name
            self.matchers = matchers
            self.label = label
        }
    }

    private let entries: [Entry]

    package init(_ entries: [Entry] = []) {
        self.entries = entries
    }

    var isEmpty: Bool { entries.isEmpty }

    /// Adds the alert to the signal of each watchdog that it matches. Returns whether it matches any.
    func note(_ labels: some LabelSource, isResolved: Bool, in signals: inout WatchdogSignals) -> Bool {
        var isWatched = false
        for entry in entries where entry.matchers.allSatisfy({ $0.matches(in: labels) }) {
            let source = entry.label.map { labels.withValue(of: $0, WatchdogSignal.source) } ?? ""
            signals.add(entry.name, source, isResolved: isResolved)
            isWatched = true
        }
        return isWatched
    }
}

/// The alerts of one payload that match a watchdog and are from one source.
package struct WatchdogSignal: Sendable, Equatable {
    package struct Key: Sendable, Hashable {
        /// The name of the watchdog.
        package var watchdog: String
        /// The value of the watchdog's label; empty without a label. At most `sourceLimit` bytes.
        package var source: String

        package init(watchdog: String, source: String) {
            self.watchdog = watchdog
            self.source = source
        }
    }

    package static let sourceLimit = 200

    package var key: Key
    package var firing = 0
    package var resolved = 0

    package init(_ key: Key, firing: Int = 0, resolved: Int = 0) {
        self.key = key
        self.firing = firing
        self.resolved = resolved
    }

    fileprivate static func source(_ value: UnsafeRawBufferPointer) -> String {
        String(decoding: value.prefix(sourceLimit), as: UTF8.self)
    }
}

/// Collects the signals of one payload.
struct WatchdogSignals {
    /// The most signals of one payload. Further sources count as the last one.
    private static let limit = 256

    private(set) var signals: [WatchdogSignal] = []
    private var indices: [WatchdogSignal.Key: Int] = [:]

    mutating func add(_ watchdog: String, _ source: String, isResolved: Bool) {
        let key = WatchdogSignal.Key(watchdog: watchdog, source: source)
        let index = indices[key] ?? append(key)
        if isResolved { signals[index].resolved += 1 } else { signals[index].firing += 1 }
    }

    private mutating func append(_ key: WatchdogSignal.Key) -> Int {
        if signals.count >= Self.limit, let last = signals.lastIndex(where: { $0.key.watchdog == key.watchdog }) {
            return last
        }
        indices[key] = signals.count
        signals.append(WatchdogSignal(key))
        return signals.count - 1
    }
}
