import CLibcurl
import Glibc
import Support

/// A libcurl easy handle that belongs to one owner, with the options in Swift's types.
///
/// libcurl refuses an option only after a programming error, hence the preconditions.
struct CurlHandle: ~Copyable {
    private let curl: UnsafeMutableRawPointer

    // curl_global_init is not thread-safe in older versions; a static is initialized once.
    private static let isReady: Bool = {
        // CURLOPT_NOSIGNAL leaves SIGPIPE to the program, and OpenSSL writes to sockets without MSG_NOSIGNAL. A server
        // that closes the connection must not end the process.
        signal(SIGPIPE, SIG_IGN)
        return curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK
    }()

    init() {
        expect(Self.isReady, "libcurl cannot be initialised")
        guard let curl = curl_easy_init() else { bug("no memory for a libcurl handle") }
        self.curl = curl
    }

    deinit {
        curl_easy_cleanup(curl)
    }

    func set(_ option: CURLoption, _ value: Int) {
        check(relay_curl_set_long(curl, option, value), option)
    }

    func set(_ option: CURLoption, _ value: Bool) {
        set(option, value ? 1 : 0)
    }

    func set(_ option: CURLoption, _ value: String) {
        check(relay_curl_set_string(curl, option, value), option)
    }

    /// A duration in whole milliseconds: at least one, because zero disables the limit, and at most a day.
    func set(milliseconds option: CURLoption, _ value: Duration) {
        set(option, Int(min(max(value, .milliseconds(1)), .seconds(86_400)) / .milliseconds(1)))
    }

    func set(size option: CURLoption, _ value: Int) {
        check(relay_curl_set_size(curl, option, curl_off_t(value)), option)
    }

    /// libcurl does not copy the memory, which must outlive `perform`.
    func set(pointer option: CURLoption, _ value: UnsafeRawPointer?) {
        check(relay_curl_set_pointer(curl, option, value), option)
    }

    /// libcurl does not copy the list, which must outlive the handle.
    func set(list option: CURLoption, _ value: UnsafeMutablePointer<curl_slist>?) {
        check(relay_curl_set_list(curl, option, value), option)
    }

    func set(receiver option: CURLoption, _ value: curl_write_callback) {
        check(relay_curl_set_receiver(curl, option, value), option)
    }

    func set(progress value: curl_xferinfo_callback) {
        check(relay_curl_set_progress(curl, value), CURLOPT_XFERINFOFUNCTION)
    }

    func set(prerequest value: curl_prereq_callback) {
        check(relay_curl_set_prerequest(curl, value), CURLOPT_PREREQFUNCTION)
    }

    func perform() -> CURLcode {
        curl_easy_perform(curl)
    }

    /// The status of the last response; 0 if there was none.
    var responseCode: Int { number(CURLINFO_RESPONSE_CODE) }

    /// The status of a proxy's response to the last CONNECT; 0 if there was none.
    var connectCode: Int { number(CURLINFO_HTTP_CONNECTCODE) }

    /// Whether the last transfer's TLS handshake was completed, as far as the client can tell.
    var hasCompletedHandshake: Bool {
        var microseconds: curl_off_t = 0
        return relay_curl_get_size(curl, CURLINFO_APPCONNECT_TIME_T, &microseconds) == CURLE_OK && microseconds > 0
    }

    private func number(_ info: CURLINFO) -> Int {
        var value = 0
        expect(relay_curl_get_long(curl, info, &value) == CURLE_OK, "libcurl does not know info \(info.rawValue)")
        return value
    }

    private func check(_ code: CURLcode, _ option: CURLoption) {
        expect(code == CURLE_OK, "libcurl rejects option \(option.rawValue): code \(code.rawValue)")
    }
}
