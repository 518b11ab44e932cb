import CLibevent
import Glibc

/// Writes the heads of replies.
///
/// evhttp would search the fields of each reply five times and format each line with printf, which takes 8,000
/// instructions.
struct HTTPReplyHead {
    /// What the reply states about the connection.
    enum Persistence {
        /// Nothing: HTTP/1.1 connections are persistent.
        case implied
        /// For HTTP/1.0 clients.
        case keepAlive
        case close
    }

    /// The parameters and the result of the last call: most replies are to webhooks and differ in their dates only.
    private struct Last {
        var second: time_t
        var status: Int
        var headers: [(name: String, value: String)]
        var length: Int
        var persistence: Persistence
        var head: [UInt8]
    }

    private var last: Last?
    private var second: time_t?
    /// The `Date` field (RFC 9110 section 6.6.1) of that second. Formatting it takes 3,000 instructions.
    private var date: [UInt8] = []

    /// Returns the head of a reply: status line, `Date`, the given fields, `Content-Length` and `Connection`.
    ///
    /// A field whose value has a line break or a NUL is omitted, so that no value can add fields or end the head.
    mutating func make(
        status: Int, _ headers: [(name: String, value: String)], length: Int, _ persistence: Persistence
    ) -> [UInt8] {
        let now = time(nil)
        if let last, last.second == now, last.status == status, last.length == length,
            last.persistence == persistence, last.headers.elementsEqual(headers, by: ==)
        {
            return last.head
        }
        let head = write(status: status, headers, length: length, persistence, at: now)
        last = Last(
            second: now, status: status, headers: headers, length: length, persistence: persistence, head: head)
        return head
    }

    private mutating func write(
        status: Int, _ headers: [(name: String, value: String)], length: Int, _ persistence: Persistence, at now: time_t
    ) -> [UInt8] {
        var head: [UInt8] = []
        head.append("HTTP/1.1 ")
        head.append(decimal: status)
        head.append(.space)
        head.append(contentsOf: Self.phrase(status).utf8)
        head.append("\r\n")
        head += dateField(at: now)
        for header in headers where header.value.utf8.allSatisfy(\.isInFieldValue) {
            head.append(contentsOf: header.name.utf8)
            head.append(": ")
            head.append(contentsOf: header.value.utf8)
            head.append("\r\n")
        }
        head.append("Content-Length: ")
        head.append(decimal: length)
        switch persistence {
        case .implied: head.append("\r\n\r\n")
        case .keepAlive: head.append("\r\nConnection: keep-alive\r\n\r\n")
        case .close: head.append("\r\nConnection: close\r\n\r\n")
        }
        return head
    }

    /// Returns the line of the `Date` field. Formats it once a second.
    private mutating func dateField(at now: time_t) -> [UInt8] {
        guard now != second else { return date }
        second = now
        var now = now
        var parts = tm()
        gmtime_r(&now, &parts)
        var text = [CChar](repeating: 0, count: 50)
        let count = evutil_date_rfc1123(&text, text.count, &parts)
        date = Array("Date: ".utf8) + text.prefix(max(0, Int(count))).map { UInt8(bitPattern: $0) } + Array("\r\n".utf8)
        return date
    }

    /// The reason phrase of a status (RFC 9110 section 15). Empty for others, which RFC 9112 section 4 permits.
    static func phrase(_ status: Int) -> String {
        switch status {
        case 200: "OK"
        case 201: "Created"
        case 202: "Accepted"
        case 204: "No Content"
        case 301: "Moved Permanently"
        case 302: "Found"
        case 303: "See Other"
        case 304: "Not Modified"
        case 307: "Temporary Redirect"
        case 308: "Permanent Redirect"
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 408: "Request Timeout"
        case 409: "Conflict"
        case 413: "Content Too Large"
        case 415: "Unsupported Media Type"
        case 417: "Expectation Failed"
        case 422: "Unprocessable Content"
        case 429: "Too Many Requests"
        case 500: "Internal Server Error"
        case 501: "Not Implemented"
        case 502: "Bad Gateway"
        case 503: "Service Unavailable"
        case 504: "Gateway Timeout"
        case 505: "HTTP Version Not Supported"
        default: ""
        }
    }
}

extension [UInt8] {
    fileprivate mutating func append(_ text: StaticString) {
        append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// - Parameter number: not negative.
    fileprivate mutating func append(decimal number: Int) {
        if number >= 10 { append(decimal: number / 10) }
        append(UInt8(ascii: "0") + UInt8(number % 10))
    }
}

extension UInt8 {
    /// Neither a line break nor a NUL.
    fileprivate var isInFieldValue: Bool { self != .carriageReturn && self != .lineFeed && self != 0 }
}
