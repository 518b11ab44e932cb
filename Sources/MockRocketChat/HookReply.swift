/// One reply of a hook, before it becomes an HTTP response.
struct HookReply: Equatable, Sendable {
    struct Header: Equatable, Sendable {
        var name: String
        var value: String
    }

    var status: Int
    var headers: [Header]
    var body: [UInt8]
    /// The delay before the server responds.
    var delay = Duration.zero

    init(status: Int, headers: [Header] = [], body: some Sequence<UInt8>, delay: Duration = .zero) {
        self.status = status
        self.headers = headers
        self.body = Array(body)
        self.delay = delay
    }

    static func json(_ status: Int, _ value: JSONValue, delay: Duration = .zero) -> HookReply {
        HookReply(status: status, headers: apiHeaders, body: value.bytes, delay: delay)
    }

    static func text(_ status: Int, _ text: String) -> HookReply {
        HookReply(status: status, headers: [Header(name: "Content-Type", value: "text/plain")], body: text.utf8)
    }

    static func html(_ status: Int, _ text: String) -> HookReply {
        HookReply(status: status, headers: [Header(name: "Content-Type", value: "text/html")], body: text.utf8)
    }

    /// The exact headers of docs/rocketchat.md section 1.4.
    private static let apiHeaders = [
        Header(name: "Content-Type", value: "application/json"),
        Header(name: "Cache-Control", value: "no-store"),
        Header(name: "Pragma", value: "no-cache"),
    ]

    static let success = json(200, .object(["success": .bool(true)]))

    static func failure(_ error: String, status: Int = 400) -> HookReply {
        json(status, .object(["success": .bool(false), "error": .string(error)]))
    }

    func adding(_ headers: [Header]) -> HookReply {
        var reply = self
        reply.headers += headers
        return reply
    }
}

// MARK: Answers that differ by profile (docs/rocketchat.md section 1.5)

extension HookReply {
    static func unknownIntegration(_ profile: ServerProfile) -> HookReply {
        profile.isHono
            ? text(500, "Internal Server Error")
            : failure("Invalid integration id or token provided.", status: 404)
    }

    static func disabled(_ profile: ServerProfile) -> HookReply {
        profile.isHono
            ? failure("Service Unavailable", status: 503) : json(503, .string("Service Unavailable"))
    }

    /// Restivus delays this response by half a second to a second.
    static func userMissing(_ profile: ServerProfile) -> HookReply {
        let error = JSONValue.string("You must be logged in to do this.")
        if profile.isHono {
            return json(
                401, .object(["success": .bool(false), "error": error, "status": .string("error"), "message": error]))
        }
        return json(
            401, .object(["status": .string("error"), "message": error]),
            delay: .milliseconds(Int.random(in: 500...1000)))
    }

    static func wrongMethod(_ profile: ServerProfile) -> HookReply {
        profile.isHono ? text(404, "404 Not Found") : endpointMissing(status: 405).adding([restivusAllow])
    }

    static func wrongHookPath(_ profile: ServerProfile) -> HookReply {
        profile.isHono ? text(404, "404 Not Found") : endpointMissing(status: 404)
    }

    private static let restivusAllow = Header(name: "Allow", value: "OPTIONS, GET, POST")

    private static func endpointMissing(status: Int) -> HookReply {
        json(status, .object(["status": .string("error"), "message": .string("API endpoint does not exist")]))
    }

    /// The reply of Meteor's web server to paths outside the hooks and the API.
    static let outsideHooks = HookReply(
        status: 405, headers: [Header(name: "Allow", value: "OPTIONS, GET, HEAD")], body: [])

    /// The single-page application, which Meteor serves for any path.
    static let application = html(
        200,
        "<!DOCTYPE html>\n<html><head><title>Rocket.Chat</title></head><body><div id=\"react-root\"></div></body></html>\n"
    )

    /// The reply of connect's JSON parser to malformed JSON.
    static func malformedJSON(_ error: JSONError) -> HookReply {
        html(
            400,
            """
            <!DOCTYPE html>
            <html lang="en"><head><meta charset="utf-8"><title>Error</title></head>
            <body><pre>SyntaxError: \(error.reason) in JSON at position \(error.offset)</pre></body></html>

            """)
    }
}
