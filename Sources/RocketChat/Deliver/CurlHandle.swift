import Alerts
import CLibcurl
import Glibc

/// A libcurl easy handle that belongs to one owner, with the options in Swift's types.
///
/// A refused option is our own mistake (a constant that this libcurl does not know), hence the preconditions.
struct CurlHandle: ~Copyable {
    private let curl: UnsafeMutableRawPointer

    // curl_global_init is not safe beside other threads in older versions; a static is initialised once.
    private static let isReady: Bool = {
        // CURLOPT_NOSIGNAL leaves SIGPIPE to the program, and OpenSSL writes to sockets without MSG_NOSIGNAL: a server
        // that hangs up must be an error of the post and not the end of the process.
        signal(SIGPIPE, SIG_IGN)
        return curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK
    }()

    init() {
        precondition(Self.isReady, "libcurl cannot be initialised")
        guard let curl = curl_easy_init() else { preconditionFailure("no memory for a libcurl handle") }
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

    /// A length of time in whole milliseconds, at least one, since libcurl takes zero for none, and at most a day.
    func set(milliseconds option: CURLoption, _ value: Duration) {
        set(option, Int(min(max(value, .milliseconds(1)), .seconds(86_400)) / .milliseconds(1)))
    }

    func set(size option: CURLoption, _ value: Int) {
        check(relay_curl_set_size(curl, option, curl_off_t(value)), option)
    }

    /// The memory is not copied: it must outlive its use by `perform`.
    func set(pointer option: CURLoption, _ value: UnsafeRawPointer?) {
        check(relay_curl_set_pointer(curl, option, value), option)
    }

    /// The list is not copied: it must outlive the handle.
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

    /// The status of the last answer, 0 when there was none.
    var responseCode: Int { number(CURLINFO_RESPONSE_CODE) }

    /// The status with which a proxy answered the last CONNECT, 0 when there was none.
    var connectCode: Int { number(CURLINFO_HTTP_CONNECTCODE) }

    /// Whether the last transfer's TLS handshake was completed, as far as the client can tell.
    var hasCompletedHandshake: Bool {
        var microseconds: curl_off_t = 0
        return relay_curl_get_size(curl, CURLINFO_APPCONNECT_TIME_T, &microseconds) == CURLE_OK && microseconds > 0
    }

    private func number(_ info: CURLINFO) -> Int {
        var value = 0
        precondition(relay_curl_get_long(curl, info, &value) == CURLE_OK)
        return value
    }

    private func check(_ code: CURLcode, _ option: CURLoption) {
        precondition(code == CURLE_OK, "libcurl refuses option \(option.rawValue): code \(code.rawValue)")
    }
}

/// One GET whose answer's status is all that matters.
package enum CurlProbe {
    package enum Outcome: Equatable {
        case status(Int)
        /// No response, for libcurl's reason. `handshake`: the server completed a TLS handshake before.
        case failed(String, handshake: Bool)
    }

    package static func get(_ url: String, timeout: Duration, verifiesCertificate: Bool = true) -> Outcome {
        let handle = CurlHandle()
        handle.set(CURLOPT_URL, url)
        handle.set(CURLOPT_PROTOCOLS_STR, "http,https")
        handle.set(CURLOPT_NOSIGNAL, true)
        // What is asked is this machine: a proxy that the environment names has no part in it.
        handle.set(CURLOPT_NOPROXY, "*")
        handle.set(milliseconds: CURLOPT_TIMEOUT_MS, timeout)
        if !verifiesCertificate {
            handle.set(CURLOPT_SSL_VERIFYPEER, false)
            handle.set(CURLOPT_SSL_VERIFYHOST, false)
        }
        handle.set(receiver: CURLOPT_WRITEFUNCTION) { _, size, count, _ in size * count }
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(CURL_ERROR_SIZE)) { detail in
            detail.initialize(repeating: 0)
            handle.set(pointer: CURLOPT_ERRORBUFFER, detail.baseAddress)
            defer { handle.set(pointer: CURLOPT_ERRORBUFFER, nil) }
            let code = handle.perform()
            guard code != CURLE_OK else { return .status(handle.responseCode) }
            let reason = curl_easy_strerror(code).map { String(cString: $0) } ?? "no answer"
            // What it says beyond that, such as OpenSSL's reason.
            let more = detail.baseAddress.map { String(cString: $0) } ?? ""
            return .failed(more.isEmpty ? reason : "\(reason): \(more)", handshake: handle.hasCompletedHandshake)
        }
    }
}
