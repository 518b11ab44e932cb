import CLibevent

/// The methods that libevent's parser knows; anything else is answered 501 by evhttp itself.
public enum HTTPMethod: String, Sendable, CaseIterable {
    case get = "GET"
    case post = "POST"
    case head = "HEAD"
    case put = "PUT"
    case delete = "DELETE"
    case options = "OPTIONS"
    case trace = "TRACE"
    case connect = "CONNECT"
    case patch = "PATCH"

    var command: evhttp_cmd_type {
        switch self {
        case .get: EVHTTP_REQ_GET
        case .post: EVHTTP_REQ_POST
        case .head: EVHTTP_REQ_HEAD
        case .put: EVHTTP_REQ_PUT
        case .delete: EVHTTP_REQ_DELETE
        case .options: EVHTTP_REQ_OPTIONS
        case .trace: EVHTTP_REQ_TRACE
        case .connect: EVHTTP_REQ_CONNECT
        case .patch: EVHTTP_REQ_PATCH
        }
    }

    init?(_ command: evhttp_cmd_type) {
        switch command {
        case EVHTTP_REQ_GET: self = .get
        case EVHTTP_REQ_POST: self = .post
        case EVHTTP_REQ_HEAD: self = .head
        case EVHTTP_REQ_PUT: self = .put
        case EVHTTP_REQ_DELETE: self = .delete
        case EVHTTP_REQ_OPTIONS: self = .options
        case EVHTTP_REQ_TRACE: self = .trace
        case EVHTTP_REQ_CONNECT: self = .connect
        case EVHTTP_REQ_PATCH: self = .patch
        default: return nil
        }
    }
}

/// What routing needs of a request; the other header fields are read from the exchange while it awaits its reply.
public struct HTTPRequestHead: Sendable, Equatable {
    public var method: HTTPMethod
    /// The path as sent, percent-encoding and all. Of an absolute URI only its path.
    public var path: String
    /// What follows `?`, without it; nil where there is none.
    public var query: String?
}

extension HTTPRequestHead {
    init?(_ request: HTTPExchange.Request) {
        guard let method = HTTPMethod(evhttp_request_get_command(request)),
            let uri = evhttp_request_get_evhttp_uri(request)
        else { return nil }
        self.method = method
        path = evhttp_uri_get_path(uri).map { String(cString: $0) } ?? "/"
        query = evhttp_uri_get_query(uri).map { String(cString: $0) }
    }
}
