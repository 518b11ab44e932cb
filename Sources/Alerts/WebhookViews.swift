package import CSimdjson
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
    /// Parses the time. Returns nil if it is absent or Go's zero time; fails if it is not an RFC 3339 time.
    ///
    /// - Parameters:
    ///   - alert: The index of the alert, for the error message.
    ///   - field: The name of the field, for the error message.
    package func time(alert: Int, _ field: StaticString) throws(ParseError) -> Timestamp? {
        guard let bytes else { return nil }
        guard let time = Timestamp(rfc3339: bytes) else {
            let found = String(text.unicodeScalars.prefix(40)).debugDescription
            throw ParseError(
                reason: .wrongValue,
                message: "alerts[\(alert)].\(field): expected an RFC 3339 time, found \(found)")
        }
        return time.isUnset ? nil : time
    }
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
        case WEBHOOK_WRONG_VALUE: self = .wrongValue
        case WEBHOOK_DUPLICATE_NAME: self = .duplicateName
        case WEBHOOK_TOO_MANY: self = .tooMany
        case WEBHOOK_OUT_OF_MEMORY: self = .outOfMemory
        default: bug("fault \(fault.rawValue) of the parser has no reason")
        }
    }
}
