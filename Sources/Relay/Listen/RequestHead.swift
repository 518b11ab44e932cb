import Libevent

/// The part of a request that decides whether its sender may post. It is complete before the body is read, so `Admission`
/// can refuse a request of which only this much has arrived.
@LoopActor
protocol RequestHead {
    /// The address of the peer without its port; empty for a Unix socket, or once the client is gone.
    var remoteAddress: String { get }
    /// The first value of a header field, nil if the request has none.
    func header(_ name: String) -> String?
    /// The values of all fields of a name, in the order of the request.
    func headers(_ name: String) -> [String]
}

extension HTTPExchange: RequestHead {}
extension HTTPArrival: RequestHead {}
extension HTTPServer.Origin: RequestHead {}
