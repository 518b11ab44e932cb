import CLibevent
import Glibc
import Support

/// The callbacks that libevent has for a bufferevent.
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

/// How a connection ends: with an answer in evhttp's place, at once, or by evhttp.
extension HTTPConnection {
    /// Answers what cannot go on, by the rules of HTTP alone, and closes.
    func refuse(_ refusal: HTTPRefusal) {
        guard phase.isReading else { return }
        answer(table.answer(to: refusal, on: self))
    }

    /// Answers in evhttp's place and closes, in a way that lets the client read the answer: the connection is read on
    /// for a while, since a reset would take away what the client has not read yet (RFC 9112 section 9.6).
    func answer(_ answer: HTTPReply) {
        guard phase.isReading else { return }
        phase = .refused
        since = table.clock.now
        inbox.empty()
        takeCallbacks()
        let bytes = answer.bytes(toHEAD: request?.head.method == .head)
        bufferevent_write(bufferEvent, bytes, bytes.count)
        bufferevent_enable(bufferEvent, Int16(EV_READ | EV_WRITE))
        table.fellSilent(self)
    }

    /// More than an honest client has under way when it is refused.
    var hasDroppedEnough: Bool { dropped > 32 << 20 }

    /// The answer is written: nothing follows it.
    func announceRefusalsEnd() {
        bufferevent_disable(bufferEvent, Int16(EV_WRITE))
        tls?.announceEnd()
        shutdown(descriptor, Int32(SHUT_WR))
    }

    /// Puts the gate's callbacks in the place of evhttp's, which would take the gate's writing for its own.
    func takeCallbacks() {
        guard evhttpCallbacks == nil else { return }
        evhttpCallbacks = BufferEventCallbacks(of: bufferEvent)
        // Unretained: evhttp, whose end clears the callbacks, is ended before this object goes.
        bufferevent_setcb(
            bufferEvent, nil,
            { _, context in
                guard let context else { return }
                let connection = Unmanaged<HTTPConnection>.fromOpaque(context).takeUnretainedValue()
                // libevent may have put the call off until more was written.
                guard evbuffer_get_length(bufferevent_get_output(connection.bufferEvent)) == 0 else { return }
                connection.outputWritten()
            },
            { _, what, context in
                guard let context else { return }
                let connection = Unmanaged<HTTPConnection>.fromOpaque(context).takeUnretainedValue()
                // libevent can report a finished handshake after the bytes that came with it.
                if Int32(what) & BEV_EVENT_CONNECTED != 0 { connection.handshakeFinished() } else { connection.end() }
            }, Unmanaged.passUnretained(self).toOpaque())
    }

    func giveCallbacksBack() {
        guard let callbacks = evhttpCallbacks else { return }
        evhttpCallbacks = nil
        callbacks.set(on: bufferEvent)
        bufferevent_disable(bufferEvent, Int16(EV_WRITE))
    }

    /// Whether something has arrived that the loop has yet to read.
    var hasUnreadBytes: Bool {
        var count: Int32 = 0
        return withUnsafeMutablePointer(to: &count) { ioctl(descriptor, UInt(FIONREAD), $0) } == 0 && count > 0
    }

    /// Ends the connection at once. evhttp hears of it as of any end, and frees its side itself; freeing an evhttp
    /// connection by hand is what libevent issues 509 and 997 are about.
    func end() {
        guard phase != .ended else { return }
        if phase != .refused { tls?.announceEnd() }
        // A request that waits for its reply is evhttp's to end: it notices at the write.
        guard phase != .handedOver else {
            shutdown(descriptor, Int32(SHUT_RDWR))
            return
        }
        phase = .ended
        inbox.stopWaiting()
        giveCallbacksBack()
        bufferevent_trigger_event(bufferEvent, Int16(BEV_EVENT_READING | BEV_EVENT_EOF), 0)
        table.remove(self)
    }

    /// evhttp has ended the connection.
    func closed() {
        phase = .ended
        tls?.announceEnd()
        finishExchange()
        table.remove(self)
    }
}
