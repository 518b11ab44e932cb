import CLibevent
import Glibc

/// One accepted connection, as far as evhttp lets it be seen.
///
/// evhttp tells of a connection's end only once a request has reached the handler. So this object holds a reference of
/// its own to the bufferevent, which keeps memory and descriptor valid until the end is seen: at once through the close
/// callback, else by the table's sweep, which recognises a bufferevent that evhttp has let go by its missing callbacks.
@LoopActor
final class HTTPConnection {
    let bufferEvent: OpaquePointer
    private var arrivals: OpaquePointer?
    private unowned let table: HTTPConnectionTable
    /// When the first byte of a request arrived that is not yet complete.
    private var requestStart: ContinuousClock.Instant?
    private var tls: TLSSession?
    /// The request that awaits its reply, or whose reply is being written.
    var exchange: HTTPExchange?
    private(set) var requests = 0

    init(bufferEvent: OpaquePointer, table: HTTPConnectionTable, tls: TLSSession?) {
        self.bufferEvent = bufferEvent
        self.table = table
        self.tls = tls
        bufferevent_incref(bufferEvent)
        // Unretained: `deinit` takes the callback off again.
        arrivals = evbuffer_add_cb(
            bufferevent_get_input(bufferEvent),
            { _, info, context in
                guard let context, let info, info.pointee.n_added > 0 else { return }
                Unmanaged<HTTPConnection>.fromOpaque(context).takeUnretainedValue().bytesArrived()
            }, Unmanaged.passUnretained(self).toOpaque())
    }

    isolated deinit {
        evbuffer_remove_cb_entry(bufferevent_get_input(bufferEvent), arrivals)
        bufferevent_decref(bufferEvent)
    }

    var descriptor: Int32 { bufferevent_getfd(bufferEvent) }

    /// evhttp has freed its side: `bufferevent_free` clears the callbacks, of which evhttp always sets the one for
    /// events (the one for reading it takes off while it writes).
    var isReleasedByServer: Bool {
        var events: bufferevent_event_cb?
        bufferevent_getcb(bufferEvent, nil, nil, &events, nil)
        return events == nil
    }

    var hasFailedHandshake: Bool { tls?.hasFailedHandshake ?? false }

    /// When that began which the client has yet to finish: a request or, over TLS, a handshake or a record.
    func unfinishedSince(_ now: ContinuousClock.Instant) -> ContinuousClock.Instant? {
        if let requestStart { return requestStart }
        return exchange == nil ? tls?.unfinishedSince(now) : nil
    }

    private func bytesArrived() {
        if requestStart == nil && exchange == nil { requestStart = table.clock.now }
    }

    /// A whole request was read and reached the handler.
    func begin(_ exchange: HTTPExchange, on connection: OpaquePointer) {
        requestStart = nil
        tls?.rest()
        requests += 1
        self.exchange = exchange
        // Unretained: the table keeps this object until the close callback, or the sweep after it, removes it.
        let context = Unmanaged.passUnretained(self).toOpaque()
        evhttp_connection_set_closecb(
            connection,
            { _, context in
                guard let context else { return }
                Unmanaged<HTTPConnection>.fromOpaque(context).takeUnretainedValue().closed()
            }, context)
        evhttp_request_set_on_complete_cb(
            exchange.request,
            { _, context in
                guard let context else { return }
                Unmanaged<HTTPConnection>.fromOpaque(context).takeUnretainedValue().replyWritten()
            }, context)
    }

    /// Whether evhttp may yet hear that an interim reply, 100 Continue, is written, and take it for the final one.
    ///
    /// A TLS bufferevent defers that word to the end of the loop's turn; evhttp then calls whatever it is to call next.
    /// It is on its way where a client sends its body without awaiting the 100, and is past once a turn is over. While
    /// the interim reply is not written, the word comes once, for both.
    var mayReportInterimReply: Bool { tls != nil && evbuffer_get_length(bufferevent_get_output(bufferEvent)) == 0 }

    /// evhttp has begun to write a reply, and reads on to see the client leave. Over TLS it would see that before the
    /// reply is written, and drop the reply: for clients that end their side after a request (RFC 8446 §6.1 lets them),
    /// reading waits until it is written.
    func replyQueued() {
        if tls != nil { bufferevent_disable(bufferEvent, Int16(EV_READ)) }
    }

    private func replyWritten() {
        // Bytes of a pipelined request that arrived before are not announced again: its time starts now.
        let hasMore = evbuffer_get_length(bufferevent_get_input(bufferEvent)) > 0
        requestStart = hasMore ? table.clock.now : nil
        tls?.rest()
        finishExchange()
    }

    private func closed() {
        tls?.announceEnd()
        finishExchange()
        table.remove(self)
    }

    func finishExchange() {
        guard let exchange else { return }
        self.exchange = nil
        exchange.connectionIsDone()
    }

    /// Ends a connection whose request takes too long. evhttp sees the end of input and frees its side itself; freeing
    /// an evhttp connection by hand is what libevent issues 509 and 997 are about.
    func cutOff() {
        requestStart = nil
        // Over TLS bytes of ours in between would break the client's session, which is no answer.
        if tls == nil && evbuffer_get_length(bufferevent_get_output(bufferEvent)) == 0 {
            let answer = "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
            // Best effort: a peer that does not read gets the close all the same.
            _ = answer.utf8.withContiguousStorageIfAvailable {
                send(descriptor, $0.baseAddress, $0.count, Int32(MSG_DONTWAIT | MSG_NOSIGNAL))
            }
        }
        shutdown(descriptor, Int32(SHUT_RDWR))
    }
}
