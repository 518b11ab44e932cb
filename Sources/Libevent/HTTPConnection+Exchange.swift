import CLibevent
import Support

/// What becomes of a request that evhttp has: its exchange, its reply, and the next one.
extension HTTPConnection {
    /// evhttp has read the request and is about to call the handler.
    ///
    /// - Returns: nil for a request that was never handed over.
    func begin(_ makeExchange: (HTTPRequest) -> HTTPExchange, on connection: OpaquePointer) -> HTTPExchange? {
        guard phase == .handedOver, let request else { return nil }
        self.request = nil
        let exchange = makeExchange(request)
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
        return exchange
    }

    /// evhttp has begun to write a reply, and would read on to see the client leave. It may see that before the reply is
    /// written, and drop the reply: for clients that end their side after a request (RFC 9112 section 9.6 lets them), and
    /// so that nothing piles up behind a reply that is not taken, reading waits until it is written.
    func replyQueued(bytes: Int) {
        since = table.clock.now
        inbox.charge(bytes)
        bufferevent_disable(bufferEvent, Int16(EV_READ))
    }

    private func replyWritten() {
        // Bytes of a pipelined request must be out of the input before evhttp looks at it again.
        inbox.finishRequest()
        since = table.clock.now
        tls?.rest()
        phase = .idle
        hasSkippedEmptyLine = false
        if inbox.stagedCount > 0 {
            beginRequest()
            table.resume(self)
        } else {
            table.fellSilent(self)
        }
        finishExchange()
    }

    func finishExchange() {
        guard let exchange else { return }
        self.exchange = nil
        exchange.connectionIsDone()
    }
}
