import CLibcurl
package import Support

/// The address of a mail server: `smtp://host[:port]` or `smtps://host[:port]`.
package struct MailServerURL: Sendable, Equatable {
    package enum Invalid: Error, Equatable, CustomStringConvertible {
        case scheme
        case login
        case host
        case port
        case path
        case placeholder

        package var description: String {
            switch self {
            case .scheme: "the address of a mail server begins with smtp:// or smtps://"
            case .login: "the address holds a user or a password; give them as settings of their own"
            case .host: "the address names no host"
            case .port: "the port is not a number from 1 to 65535"
            case .path: "the address ends with its port"
            case .placeholder: "holds a placeholder such as ${URL}; put the address in"
            }
        }
    }

    package let text: String
    package let host: String
    /// TLS from the first byte, without STARTTLS.
    package let isTLS: Bool

    package init(_ text: String) throws(Invalid) {
        if ["${", "$(", "{{", "<"].contains(where: text.contains) { throw .placeholder }
        let lower = text.lowercased()
        guard let scheme = ["smtp://", "smtps://"].first(where: lower.hasPrefix) else { throw .scheme }
        var rest = text.dropFirst(scheme.count)
        if rest.hasSuffix("/") { rest.removeLast() }
        if rest.contains("@") { throw .login }
        guard rest.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else { throw .host }
        // libcurl would use a path as the name of this machine.
        if rest.contains(where: { "/?#\\".contains($0) }) { throw .path }
        do throws(CurlURL.Invalid) {
            try CurlURL.check(authority: rest)
            host = try CurlURL(scheme + rest).host
        } catch {
            throw error == .port ? .port : .host
        }
        self.text = scheme + rest
        isTLS = scheme == "smtps://"
    }

    /// The server is this machine, so that nothing goes over a network.
    package var isLocal: Bool { host == "localhost" || host == "::1" || host.hasPrefix("127.") }
}

/// Whether the connection to a `smtp://` server is encrypted.
package enum StartTLS: String, Sendable, CaseIterable {
    case required
    /// If the server offers it, which somebody on the way can prevent.
    case opportunistic
    case off
}

package struct MailSettings: Sendable, Equatable {
    package var server: MailServerURL
    package var startTLS: StartTLS
    package var login: Login?
    /// A file with the trusted certificates; nil uses the system's.
    package var caFile: String?
    /// For connecting, including TLS.
    package var connectTimeout: Duration
    /// For the whole mail.
    package var timeout: Duration

    package struct Login: Sendable, Equatable {
        package var user: String
        package var password: Secret

        package init(user: String, password: Secret) {
            (self.user, self.password) = (user, password)
        }
    }

    package init(
        server: MailServerURL, startTLS: StartTLS = .required, login: Login? = nil, caFile: String? = nil,
        connectTimeout: Duration = .seconds(10), timeout: Duration = .seconds(60)
    ) {
        (self.server, self.startTLS, self.login, self.caFile) = (server, startTLS, login, caFile)
        (self.connectTimeout, self.timeout) = (connectTimeout, timeout)
    }
}

/// Why a mail was not accepted.
package struct MailFailure: Error, Sendable, Equatable {
    /// The values of `relay_mails_failed_total{reason}`.
    package enum Reason: String, Sendable, CaseIterable {
        case network
        case timeout
        case tls
        case authentication
        /// A temporary answer (4xx), as greylisting gives. A later attempt may succeed.
        case deferred
        /// A final answer (5xx).
        case refused
        case aborted
    }

    package var reason: Reason
    /// In words, with the server's answer. Holds no password.
    package var detail: String
}

/// Sends mails by SMTP. Each call has a connection of its own, and blocks until the server has answered or a time limit
/// is over.
package enum CurlMailer {
    /// Returns when the server has accepted the mail for at least one recipient.
    package static func send(
        _ message: MailMessage, settings: MailSettings, abort: DeliveryAbort
    ) throws(MailFailure) {
        let transfer = Transfer(message.bytes, abort)
        guard !abort.isAborted else { throw MailFailure(reason: .aborted, detail: "the relay stops") }
        let handle = CurlHandle()
        var recipients: UnsafeMutablePointer<curl_slist>?
        for address in message.to { recipients = curl_slist_append(recipients, "<\(address.text)>") }
        defer {
            handle.set(list: CURLOPT_MAIL_RCPT, nil)
            curl_slist_free_all(recipients)
        }
        handle.set(CURLOPT_MAIL_FROM, "<\(message.from.text)>")
        handle.set(list: CURLOPT_MAIL_RCPT, recipients)
        // One wrong address must not keep the others from being told.
        handle.set(CURLOPT_MAIL_RCPT_ALLLOWFAILS, true)
        configure(handle, settings)
        let (code, words) = perform(handle, transfer, size: transfer.message.count)
        if code == CURLE_OK { return }
        throw failure(of: code, handle.responseCode, transfer, words, settings)
    }

    private static func configure(_ handle: borrowing CurlHandle, _ settings: MailSettings) {
        handle.set(CURLOPT_URL, settings.server.text)
        handle.set(CURLOPT_PROTOCOLS_STR, "smtp,smtps")
        // Proxies of the environment are for HTTP.
        handle.set(CURLOPT_NOPROXY, "*")
        handle.set(CURLOPT_NOSIGNAL, true)
        handle.set(CURLOPT_QUICK_EXIT, true)
        handle.set(milliseconds: CURLOPT_CONNECTTIMEOUT_MS, settings.connectTimeout)
        handle.set(milliseconds: CURLOPT_TIMEOUT_MS, settings.timeout)
        // Also limits the wait for the answer to QUIT, which is 120 s by default and not part of the timeout.
        handle.set(CURLOPT_SERVER_RESPONSE_TIMEOUT, Int(max(1, min(settings.timeout, .seconds(3600)) / .seconds(1))))
        let encryption =
            switch settings.startTLS {
            case .required: CURLUSESSL_ALL
            case .opportunistic: CURLUSESSL_TRY
            case .off: CURLUSESSL_NONE
            }
        handle.set(CURLOPT_USE_SSL, Int(encryption.rawValue))
        handle.set(CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2)
        handle.set(CURLOPT_SSL_VERIFYPEER, true)
        // 2: the certificate must name the host.
        handle.set(CURLOPT_SSL_VERIFYHOST, 2)
        if let file = settings.caFile { handle.set(CURLOPT_CAINFO, file) }
        if let login = settings.login {
            handle.set(CURLOPT_USERNAME, login.user)
            handle.set(CURLOPT_PASSWORD, login.password.revealed)
        }
    }

    private static func perform(
        _ handle: borrowing CurlHandle, _ transfer: Transfer, size: Int
    ) -> (CURLcode, String) {
        let context = UnsafeRawPointer(Unmanaged.passUnretained(transfer).toOpaque())
        handle.set(CURLOPT_UPLOAD, true)
        handle.set(size: CURLOPT_INFILESIZE_LARGE, size)
        for option in [CURLOPT_READDATA, CURLOPT_HEADERDATA, CURLOPT_XFERINFODATA] {
            handle.set(pointer: option, context)
        }
        // The type of a function that sends is that of one that receives.
        handle.set(receiver: CURLOPT_READFUNCTION) { buffer, size, count, context in
            Transfer.at(context).read(into: UnsafeMutableRawBufferPointer(start: buffer, count: size * count))
        }
        handle.set(receiver: CURLOPT_HEADERFUNCTION) { bytes, size, count, context in
            Transfer.at(context).answer(UnsafeRawBufferPointer(start: bytes, count: size * count))
            return size * count
        }
        handle.set(receiver: CURLOPT_WRITEFUNCTION) { _, size, count, _ in size * count }
        handle.set(CURLOPT_NOPROGRESS, false)
        handle.set(progress: { context, _, _, _, _ in Transfer.at(context).abort.isAborted ? 1 : 0 })
        return withExtendedLifetime(transfer) {
            withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(CURL_ERROR_SIZE)) { detail in
                detail.initialize(repeating: 0)
                handle.set(pointer: CURLOPT_ERRORBUFFER, detail.baseAddress)
                defer { handle.set(pointer: CURLOPT_ERRORBUFFER, nil) }
                let code = handle.perform()
                let words = detail.baseAddress.map { String(cString: $0) } ?? ""
                return (code, words.isEmpty ? curl_easy_strerror(code).map { String(cString: $0) } ?? "" : words)
            }
        }
    }

    private static func failure(
        of code: CURLcode, _ status: Int, _ transfer: Transfer, _ words: String, _ settings: MailSettings
    ) -> MailFailure {
        let reason: MailFailure.Reason =
            switch code {
            case CURLE_ABORTED_BY_CALLBACK: .aborted
            case CURLE_OPERATION_TIMEDOUT: .timeout
            case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_USE_SSL_FAILED,
                CURLE_SSL_CACERT_BADFILE,
                CURLE_SSL_CERTPROBLEM, CURLE_SSL_CIPHER, CURLE_SSL_ISSUER_ERROR:
                .tls
            case CURLE_LOGIN_DENIED: (400..<500).contains(status) ? .deferred : .authentication
            case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_CONNECT: .network
            default: (400..<500).contains(status) ? .deferred : (500..<600).contains(status) ? .refused : .network
            }
        let answer = transfer.lastAnswer.isEmpty || status < 400 ? "" : "; the server says: \(transfer.lastAnswer)"
        var detail = "\(words)\(answer) (libcurl \(code.rawValue))"
        if let password = settings.login?.password.revealed, !password.isEmpty {
            detail = detail.replacing(password, with: "<secret>")
        }
        return MailFailure(reason: reason, detail: detail)
    }

    /// One mail on its way.
    ///
    /// Not Sendable: libcurl calls back on the thread that sends.
    private final class Transfer {
        let message: [UInt8]
        let abort: DeliveryAbort
        private var position = 0
        /// The last refusal of the server, cut and printable.
        private(set) var lastAnswer = ""

        init(_ message: [UInt8], _ abort: DeliveryAbort) {
            (self.message, self.abort) = (message, abort)
        }

        static func at(_ context: UnsafeMutableRawPointer?) -> Transfer {
            guard let context else { bug("libcurl called a callback without a context") }
            return Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
        }

        func read(into buffer: UnsafeMutableRawBufferPointer) -> Int {
            let piece = message[position...].prefix(buffer.count)
            buffer.copyBytes(from: piece)
            position += piece.count
            return piece.count
        }

        func answer(_ line: UnsafeRawBufferPointer) {
            let text = SanitizedText(String(decoding: line.prefix(300), as: UTF8.self), keepsLines: false, limit: 200)
            // The last lines can be answers to QUIT.
            guard let first = text.scalars.first, first == "4" || first == "5" else { return }
            lastAnswer = String(String.UnicodeScalarView(text.scalars))
        }
    }
}
