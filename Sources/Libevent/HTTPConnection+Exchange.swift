import CLibevent

/// Handling of a request that evhttp has received: its exchange, its reply, and the start of the next request.
extension HTTPConnection {
    /// Called when evhttp has read the request, before the handler is called.
    ///
    /// - Returns: nil for a request that the gate did not hand over.
    func begin(_ makeExchange: (HTTPRequest) -> HTTPExchange, on connection: OpaquePointer) -> HTTPExchange? {
        guard phase == .handedOver, let request else { return nil }
        self.request = nil
        let exchange = makeExchange(request)
        tls?.rest()
        requests += 1
        self.exchange = exchange
        // Unretained: the table retains this object until the close callback or a later sweep removes it.
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

    /// Called when evhttp has begun to write a reply. Disables reading until the reply is written.
    ///
    /// evhttp would otherwise read on and drop the reply of a client that has shut down its side, which RFC 9112
    /// section 9.6 permits. Requests must also not accumulate behind a reply that the client does not read.
    func replyQueued(bytes: Int) {
        since = table.clock.now
        inbox.charge(bytes)
        bufferevent_disable(bufferEvent, Int16(EV_READ))
    }

    private func replyWritten() {
        // Removes bytes of a pipelined request from the input before evhttp reads it again.
        inbox.finishRequest()
        since = table.clock.now
        tls?.rest()
        phase = .idle
        hasSkippedEmptyLine = false
        if inbox.stagedCount > 0 {
            beginRequest()
            table.resume(self)
        } else {
            table.didBecomeIdle(self)
        }
        finishExchange()
    }

    func finishExchange() {
        guard let exchange else { return }
        self.exchange = nil
        exchange.connectionDidFinish()
    }
}
