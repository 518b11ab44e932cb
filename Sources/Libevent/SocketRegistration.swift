import CLibevent

/// Keeps the socket of a connection registered with epoll while evhttp disables reading.
///
/// evhttp disables reading for each request until its reply is written, which would take two calls of epoll_ctl. libevent
/// omits them as long as another event waits for the same descriptor. If bytes or the end arrive while reading is
/// disabled, that event is removed, because it would be reported again in each iteration of the loop.
@LoopActor
final class SocketRegistration {
    private let bufferEvent: OpaquePointer
    private var event: OpaquePointer?
    private var isPending = false
    /// Bytes were read since the socket was last reported as readable: the report may be of these.
    var hasRead = false

    init(of bufferEvent: OpaquePointer) {
        self.bufferEvent = bufferEvent
    }

    isolated deinit { end() }

    /// Adds the event if it is missing. Called for each request; before the first one, the bufferevent may have no
    /// descriptor.
    func renew() {
        if isPending { return }
        // Unretained: `end` frees the event.
        event =
            event
            ?? event_new(
                LoopActor.loop.base, bufferevent_getfd(bufferEvent), Int16(EV_READ | EV_PERSIST),
                { _, _, context in
                    guard let context else { return }
                    Unmanaged<SocketRegistration>.fromOpaque(context).takeUnretainedValue().becameReadable()
                }, Unmanaged.passUnretained(self).toOpaque())
        guard let event else { return }
        isPending = event_add(event, nil) == 0
    }

    private func becameReadable() {
        // The bytes of this report may have been read just before.
        guard !hasRead else { return hasRead = false }
        if bufferevent_get_enabled(bufferEvent) & Int16(EV_READ) == 0 { remove() }
    }

    private func remove() {
        isPending = false
        event_del(event)
    }

    /// Must be called before the descriptor is closed.
    func end() {
        guard let event else { return }
        self.event = nil
        isPending = false
        event_free(event)
    }
}
