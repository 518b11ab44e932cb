import CLibevent
import Glibc

/// The callbacks that are set on a bufferevent.
struct BufferEventCallbacks {
    var read: bufferevent_data_cb?
    var write: bufferevent_data_cb?
    var event: bufferevent_event_cb?
    var context: UnsafeMutableRawPointer?

    init(of bufferEvent: OpaquePointer) {
        bufferevent_getcb(bufferEvent, &read, &write, &event, &context)
    }

    func set(on bufferEvent: OpaquePointer) {
        bufferevent_setcb(bufferEvent, read, write, event, context)
    }
}

/// Ends of a connection: with a response from the gate, at once, or by evhttp.
extension HTTPConnection {
    /// Responds to a request that the server itself refuses, and closes the connection.
    func refuse(_ refusal: HTTPRefusal) {
        guard phase.isReading else { return }
        answer(table.answer(to: refusal, on: self))
    }

    /// Responds without evhttp and closes the connection. Reading continues for `lingerTimeout`, because a reset would
    /// discard the response before the client has read it (RFC 9112 section 9.6).
    func answer(_ answer: HTTPReply) {
        guard phase.isReading else { return }
        phase = .refused
        since = table.clock.now
        inbox.empty()
        installGateCallbacks()
        let bytes = answer.bytes(toHEAD: request?.head.method == .head)
        bufferevent_write(bufferEvent, bytes, bytes.count)
        bufferevent_enable(bufferEvent, Int16(EV_READ | EV_WRITE))
        table.didBecomeIdle(self)
    }

    /// The client has sent more since its refusal than a well-behaved client can have in flight.
    var hasDroppedEnough: Bool { dropped > 32 << 20 }

    /// Shuts down the write side after the response has been written.
    func finishRefusal() {
        bufferevent_disable(bufferEvent, Int16(EV_WRITE))
        tls?.sendCloseNotify()
        shutdown(descriptor, Int32(SHUT_WR))
    }

    /// Replaces evhttp's callbacks with the gate's: evhttp would mistake the gate's output for its own.
    func installGateCallbacks() {
        guard evhttpCallbacks == nil else { return }
        evhttpCallbacks = BufferEventCallbacks(of: bufferEvent)
        // Unretained: evhttp clears the callbacks at its end, which precedes this object's end.
        bufferevent_setcb(
            bufferEvent, nil,
            { _, context in
                guard let context else { return }
                let connection = Unmanaged<HTTPConnection>.fromOpaque(context).takeUnretainedValue()
                // libevent may have deferred the call until more output was added.
                guard evbuffer_get_length(bufferevent_get_output(connection.bufferEvent)) == 0 else { return }
                connection.outputWritten()
            },
            { _, what, context in
                guard let context else { return }
                let connection = Unmanaged<HTTPConnection>.fromOpaque(context).takeUnretainedValue()
                // libevent can report a finished handshake after the bytes that arrived with it.
                if Int32(what) & BEV_EVENT_CONNECTED != 0 { connection.handshakeFinished() } else { connection.end() }
            }, Unmanaged.passUnretained(self).toOpaque())
    }

    func restoreCallbacks() {
        guard let callbacks = evhttpCallbacks else { return }
        evhttpCallbacks = nil
        callbacks.set(on: bufferEvent)
        bufferevent_disable(bufferEvent, Int16(EV_WRITE))
    }

    /// Whether the socket holds bytes that the loop has not read yet.
    var hasUnreadBytes: Bool {
        var count: Int32 = 0
        return withUnsafeMutablePointer(to: &count) { ioctl(descriptor, UInt(FIONREAD), $0) } == 0 && count > 0
    }

    /// Ends the connection at once. evhttp sees an end of file and frees its side itself; freeing an evhttp connection
    /// directly triggers libevent issues 509 and 997.
    func end() {
        guard phase != .ended else { return }
        if phase != .refused { tls?.sendCloseNotify() }
        // A request that awaits its reply is ended by evhttp, which notices the shutdown when it writes.
        guard phase != .handedOver else {
            shutdown(descriptor, Int32(SHUT_RDWR))
            return
        }
        phase = .ended
        inbox.stopWaiting()
        restoreCallbacks()
        bufferevent_trigger_event(bufferEvent, Int16(BEV_EVENT_READING | BEV_EVENT_EOF), 0)
        table.remove(self)
    }

    /// Called when evhttp has ended the connection.
    func closed() {
        phase = .ended
        tls?.sendCloseNotify()
        finishExchange()
        table.remove(self)
    }
}
