import CLibevent
import Glibc

/// The `Date` field of replies (RFC 9110 section 6.6.1). evhttp would format it for each reply, which takes 3,000
/// instructions. Here it is formatted once a second.
struct HTTPDate {
    private var second: time_t?
    private var text = [CChar](repeating: 0, count: 50)

    /// Adds the field with the current time.
    mutating func add(to fields: UnsafeMutablePointer<evkeyvalq>?) {
        add(to: fields, at: time(nil))
    }

    mutating func add(to fields: UnsafeMutablePointer<evkeyvalq>?, at now: time_t) {
        if now != second {
            second = now
            var now = now
            var parts = tm()
            gmtime_r(&now, &parts)
            evutil_date_rfc1123(&text, text.count, &parts)
        }
        evhttp_add_header(fields, "Date", text)
    }
}
