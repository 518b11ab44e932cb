import CLibevent
import Glibc

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
        registration.renew()
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

    /// Writes a reply and ends its request. evhttp then waits for the next request, or closes the connection if the
    /// request's output fields say so.
    ///
    /// Writes to the socket at once, which saves the wait until it is writable. libevent writes what does not fit. After
    /// an error it also tries to write, and reports the error to evhttp.
    func reply(_ head: [UInt8], _ body: [UInt8], to request: HTTPExchange.Request) {
        head.withUnsafeBytes { head in
            body.withUnsafeBytes { body in
                let sent = tls == nil ? send(head, body) : 0
                let rest = head.count + body.count - sent
                if rest == 0 { return }
                since = table.clock.now
                inbox.charge(rest)
                removeReadCallback()
                write(head.dropFirst(sent))
                write(body.dropFirst(max(0, sent - head.count)))
                bufferevent_enable(bufferEvent, Int16(EV_WRITE))
            }
        }
        evhttp_send_reply_end(request)
        // evhttp has enabled reading.
        if isResumedLater { bufferevent_disable(bufferEvent, Int16(EV_READ)) }
    }

    /// Writes both parts to the socket with one system call. Returns the number of written bytes; 0 also for an error.
    private func send(_ head: UnsafeRawBufferPointer, _ body: UnsafeRawBufferPointer) -> Int {
        // writev does not change the bytes; its API has no const.
        var parts = (
            iovec(iov_base: UnsafeMutableRawPointer(mutating: head.baseAddress), iov_len: head.count),
            iovec(iov_base: UnsafeMutableRawPointer(mutating: body.baseAddress), iov_len: body.count)
        )
        let descriptor = descriptor
        return withUnsafeBytes(of: &parts) {
            max(0, writev(descriptor, $0.assumingMemoryBound(to: iovec.self).baseAddress, 2))
        }
    }

    private func write(_ rest: Slice<UnsafeRawBufferPointer>) {
        let rest = UnsafeRawBufferPointer(rebasing: rest)
        bufferevent_write(bufferEvent, rest.baseAddress, rest.count)
    }

    /// evhttp must not be called for bytes that arrive while it writes. It sets its callbacks again after the reply.
    private func removeReadCallback() {
        var callbacks = BufferEventCallbacks(of: bufferEvent)
        callbacks.read = nil
        callbacks.set(on: bufferEvent)
    }

    private func replyWritten() {
        // Removes the body and bytes of a pipelined request from the input before evhttp reads it again.
        inbox.finishRequest()
        since = table.clock.now
        tls?.rest()
        phase = .idle
        hasSkippedEmptyLine = false
        if inbox.stagedCount > 0 {
            beginRequest()
            isResumedLater = !table.resumption.add(self)
        } else {
            table.didBecomeIdle(self)
        }
        finishExchange()
    }

    /// Continues with a pipelined request after evhttp has returned to its reading state.
    func resume() {
        guard phase == .head, !isReleasedByServer else { return }
        if isResumedLater { bufferevent_enable(bufferEvent, Int16(EV_READ)) }
        isResumedLater = false
        advance()
    }

    func finishExchange() {
        guard let exchange else { return }
        self.exchange = nil
        exchange.connectionDidFinish()
    }
}
