import Support

/// The states in which a room was shown the alerts of a group after one of its notifications was accepted.
///
/// The journal keeps them for each dead letter, so that a replay shows resolved alerts as resolved. An alert without a
/// fingerprint is left out.
package struct LaterStates: Sendable, Equatable {
    /// The last state of an alert.
    package enum State: Sendable, Equatable {
        case firing
        /// The time is nil if Alertmanager sent none.
        case resolved(at: Timestamp?)
    }

    private struct Entry: Equatable {
        /// The place of the notification in the order of acceptance.
        var position: Int64
        /// Nanoseconds since 1970-01-01T00:00:00Z, or one of the two values below.
        var end: Int64

        static let firing = Int64.min
        static let resolvedAtUnknownTime = Int64.max
    }

    /// The maximum number of alerts. Those of the oldest notifications are removed first.
    static let limit = 16_384
    /// The size of one alert in `bytes`.
    private static let entrySize = 24

    /// Keyed by the first eight bytes of the fingerprint's SHA-256.
    private var entries: [UInt64: Entry] = [:]

    package init() {}

    package var isEmpty: Bool { entries.isEmpty }

    /// The last state in which the room was shown each alert; nil if it was not shown or is not known any more.
    package func states(of alerts: [Alert]) -> [State?] {
        if isEmpty { return alerts.map { _ in nil } }
        let sha256 = SHA256()
        return alerts.map { alert in
            guard let key = sha256.key(of: alert), let entry = entries[key] else { return nil }
            switch entry.end {
            case Entry.firing: return .firing
            case Entry.resolvedAtUnknownTime: return .resolved(at: nil)
            case let end: return .resolved(at: Timestamp(nanosecondsSince1970: end))
            }
        }
    }

    /// Records that the room was shown a notification.
    ///
    /// - Parameter position: its place in the order of acceptance. A state of an earlier notification does not replace
    ///   one of a later notification.
    package mutating func add(_ alerts: [Alert], at position: Int64) {
        let sha256 = SHA256()
        for alert in alerts {
            guard let key = sha256.key(of: alert) else { continue }
            let entry = Entry(position: position, end: Self.end(of: alert))
            guard let known = entries[key], known.position >= position else {
                entries[key] = entry
                continue
            }
            // If one notification has the alert twice, firing counts.
            if known.position == position, entry.end == Entry.firing { entries[key] = entry }
        }
        guard entries.count > Self.limit else { return }
        let oldest = entries.sorted { ($0.value.position, $0.key) < ($1.value.position, $1.key) }
        for (key, _) in oldest.prefix(entries.count - Self.limit) { entries[key] = nil }
    }

    private static func end(of alert: Alert) -> Int64 {
        guard alert.status == .resolved else { return Entry.firing }
        // Years before 1677 are clamped to the value that means firing.
        let end = alert.endsAt?.nanosecondsSince1970 ?? Entry.firing
        return end == Entry.firing ? Entry.resolvedAtUnknownTime : end
    }

    // MARK: Storage

    /// Integers of 64 bits in big-endian order: key, position and end of each alert.
    package var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(entries.count * Self.entrySize)
        for (key, entry) in entries.sorted(by: { $0.key < $1.key }) {
            for value in [key, UInt64(bitPattern: entry.position), UInt64(bitPattern: entry.end)] {
                withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
            }
        }
        return bytes
    }

    /// Returns nil for bytes that `bytes` never returns.
    package init?(bytes: [UInt8]) {
        guard bytes.count % Self.entrySize == 0, bytes.count <= Self.limit * Self.entrySize else { return nil }
        for start in stride(from: 0, to: bytes.count, by: Self.entrySize) {
            let values = stride(from: start, to: start + Self.entrySize, by: 8).map { place in
                bytes[place..<place + 8].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            }
            entries[values[0]] = Entry(position: Int64(bitPattern: values[1]), end: Int64(bitPattern: values[2]))
        }
    }
}

extension SHA256 {
    /// The key of an alert in `LaterStates`; nil without a fingerprint.
    fileprivate func key(of alert: Alert) -> UInt64? {
        guard !alert.fingerprint.isEmpty else { return nil }
        var fingerprint = alert.fingerprint
        let digest = fingerprint.withUTF8 { self.digest(of: UnsafeRawBufferPointer($0)) }
        return digest[..<8].reduce(0) { $0 << 8 | UInt64($1) }
    }
}
