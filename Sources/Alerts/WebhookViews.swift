package import CSimdjson
import Glibc
import Support

// Swift access to the views of CSimdjson. Views are valid until the next call of the parser, so none is stored here.

extension webhook_string {
    /// The bytes in UTF-8; nil if the field is absent.
    package var bytes: UnsafeRawBufferPointer? {
        start.map { UnsafeRawBufferPointer(start: $0, count: size) }
    }

    /// The string; empty if the field is absent.
    package var text: String {
        bytes.map { String(decoding: $0, as: UTF8.self) } ?? ""
    }

    /// The string, cut after `limit` bytes.
    func text(limit: Int) -> String {
        guard let bytes, bytes.count > limit else { return text }
        // A continuation byte at the cut belongs to a scalar that is left out.
        var end = limit
        while end > 0, bytes[end] & 0xC0 == 0x80 { end -= 1 }
        return String(decoding: bytes[..<end], as: UTF8.self)
    }
}

extension webhook_payload {
    var alertViews: UnsafeBufferPointer<webhook_alert> {
        UnsafeBufferPointer(start: alerts, count: alert_count)
    }
}

/// The labels of one alert as views, so that routing does not allocate strings.
struct LabelViews: LabelSource {
    let payload: webhook_payload
    let labels: webhook_pairs

    func withValue<Result>(of name: String, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        var name = name
        let value = name.withUTF8 { bytes in
            webhook_payload_value(
                payload.pairs, labels, UnsafeRawPointer(bytes.baseAddress)?.assumingMemoryBound(to: CChar.self),
                bytes.count)
        }
        return body(value.bytes ?? UnsafeRawBufferPointer(start: nil, count: 0))
    }
}

extension webhook_string {
    /// The time; nil if it is absent, Go's zero time, or no RFC 3339 time.
    package var time: Timestamp? {
        bytes.flatMap { Timestamp(rfc3339: $0) }.flatMap { $0.isUnset ? nil : $0 }
    }

    /// Whether it is given, but is no RFC 3339 time.
    var isOddTime: Bool {
        guard let start else { return false }
        // Each firing alert ends at Go's zero time.
        let isUnset = size == Self.unset.utf8CodeUnitCount && memcmp(start, Self.unset.utf8Start, size) == 0
        return !isUnset && Timestamp(rfc3339: UnsafeRawBufferPointer(start: start, count: size)) == nil
    }

    private static let unset: StaticString = "0001-01-01T00:00:00Z"
}

extension AlertStatus {
    init(resolved: Bool) {
        self = resolved ? .resolved : .firing
    }
}

extension ParseError {
    /// - Parameter limit: The maximum size of all copies together in bytes.
    static func tooManyCopies(_ destinations: Int, limit: Int) -> ParseError {
        ParseError(
            reason: .tooManyCopies,
            message: """
                the alerts are for \(destinations) receivers and severities, and their copies would take more than \
                \(limit >> 20) MiB; let Alertmanager send less at once (`max_alerts`, `group_by`) or use `continue` less
                """)
    }

    static let outOfMemory = ParseError(reason: .outOfMemory, message: "no memory to read the body")
}

extension ParseError.Reason {
    init(_ fault: webhook_fault) {
        switch fault {
        case WEBHOOK_EMPTY: self = .empty
        case WEBHOOK_INVALID_UTF8: self = .invalidUTF8
        case WEBHOOK_INVALID_JSON: self = .invalidJSON
        case WEBHOOK_TOO_DEEP: self = .tooDeep
        case WEBHOOK_NOT_AN_OBJECT: self = .notAnObject
        case WEBHOOK_NOT_A_WEBHOOK: self = .notAWebhook
        case WEBHOOK_WRONG_VERSION: self = .wrongVersion
        case WEBHOOK_MISSING_FIELD: self = .missingField
        case WEBHOOK_WRONG_TYPE: self = .wrongType
        case WEBHOOK_TOO_MANY: self = .tooMany
        case WEBHOOK_OUT_OF_MEMORY: self = .outOfMemory
        default: bug("fault \(fault.rawValue) of the parser has no reason")
        }
    }
}
