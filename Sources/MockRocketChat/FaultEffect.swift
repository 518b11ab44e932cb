/// How a request is answered.
enum FaultEffect: Equatable, Sendable {
    enum Transport: Sendable {
        case plain, chunked, http10, connectionClose, closeAfterReply
    }

    /// Rocket.Chat's own response.
    case genuine(Transport)
    case reply(HookReply)
    /// These bytes, followed by the end of the connection.
    case raw([UInt8])
    case drip
    case reset
    case close
    case hang

    /// The response's status, 0 for no response; nil if Rocket.Chat decides.
    var status: Int? {
        switch self {
        case .genuine: nil
        case .reply(let reply): reply.status
        case .raw, .drip, .reset, .close, .hang: 0
        }
    }
}

extension Fault {
    /// - Parameters:
    ///   - url: host and path of the request.
    ///   - now: seconds since 1970.
    func effect(url: String, now: Int) -> FaultEffect {
        switch mode {
        case .normal, .lateSuccess: .genuine(.plain)
        case .chunkedBody: .genuine(.chunked)
        case .http10: .genuine(.http10)
        case .connectionClose: .genuine(.connectionClose)
        case .closeAfterReply: .genuine(.closeAfterReply)
        case .reset, .recordThenReset: .reset
        case .close, .recordThenClose: .close
        case .hang, .recordThenHang: .hang
        case .dripHeaders: .drip
        case .truncatedBody:
            .raw(Array("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{\"succ".utf8))
        default: .reply(fixedReply(url: url, now: now).adding(headers))
        }
    }

    private func fixedReply(url: String, now: Int) -> HookReply {
        switch mode {
        case .truncatedJSON: HookReply(status: status ?? 200, headers: Self.jsonType, body: "{\"success\":tr".utf8)
        case .hugeBody:
            HookReply(
                status: status ?? 200, headers: Self.jsonType, body: [UInt8](repeating: UInt8(ascii: " "), count: bytes)
            )
        case .redirect: Self.redirect(to: location, status: status ?? 302)
        case .forceSSL: Self.redirect(to: "https://\(url)", status: 302)
        case .loginPage:
            .html(
                200,
                "<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body><form>Sign in</form></body></html>\n")
        case .emptyReply: HookReply(status: status ?? 200, body: [])
        case .databaseFailure: .failure("connection 3 to 10.0.0.5:27017 closed")
        case .databaseFailureInAuth: .text(500, "Internal Server Error")
        case .proxyRateLimit: Self.proxyRateLimit(String(retryAfter))
        case .proxyRateLimitDate: Self.proxyRateLimit(Clock.httpDate(seconds: now + retryAfter))
        default: plainReply
        }
    }

    /// A response with `status` and `body`; by default an error page like nginx's.
    private var plainReply: HookReply {
        let status = status ?? 500
        let page =
            "<html>\r\n<head><title>\(status)</title></head>\r\n<body>\r\n<center><h1>\(status)</h1></center>\r\n"
            + "<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
        return HookReply(
            status: status, headers: [.init(name: "Content-Type", value: contentType ?? "text/html")],
            body: (body ?? page).utf8)
    }

    private static let jsonType = [HookReply.Header(name: "Content-Type", value: "application/json")]

    private static func redirect(to location: String, status: Int) -> HookReply {
        HookReply(status: status, headers: [.init(name: "Location", value: location)], body: [])
    }

    private static func proxyRateLimit(_ retryAfter: String) -> HookReply {
        HookReply.html(429, "<html><head><title>429 Too Many Requests</title></head><body>nginx</body></html>\n")
            .adding([.init(name: "Retry-After", value: retryAfter)])
    }
}
