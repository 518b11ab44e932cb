import CLibevent
import Glibc

/// One listening socket. It pauses when file descriptors run out.
@LoopActor
final class HTTPListener {
    /// Why accepting is paused; each reason ends by itself.
    enum Pause { case crowded, outOfDescriptors, turnFull }

    let address: SocketAddress
    private let listener: OpaquePointer
    private var bound: OpaquePointer?
    private var pauses: Set<Pause> = []
    private var resume: LoopEvent?

    convenience init(address: SocketAddress, acceptsIPv4: Bool) throws(SocketError) {
        let (descriptor, bound) = try address.makeListeningSocket(acceptsIPv4: acceptsIPv4)
        try self.init(adopting: descriptor, address: bound)
    }

    /// Takes ownership of a listening socket.
    init(adopting descriptor: Int32, address: SocketAddress) throws(SocketError) {
        let flags = UInt32(LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC)
        guard let listener = evconnlistener_new(LoopActor.loop.base, nil, nil, flags, 0, descriptor) else {
            close(descriptor)
            throw .failed("cannot watch the socket of \(address)")
        }
        self.address = address
        self.listener = listener
    }

    /// Passes ownership of the listener to evhttp.
    func attach(to http: OpaquePointer) {
        bound = evhttp_bind_listener(http, listener)
        // The error callback shares the listener's one context pointer, which evhttp sets when it binds. The object is
        // therefore found by the listener's pointer.
        HTTPListener.byPointer[listener] = Unowned(self)
        evconnlistener_set_error_cb(
            listener,
            { listener, _ in
                guard let listener else { return }
                HTTPListener.byPointer[listener]?.value.acceptFailed()
            })
    }

    func detach(from http: OpaquePointer) {
        guard let bound else { return }
        HTTPListener.byPointer[listener] = nil
        self.bound = nil
        resume = nil
        evhttp_del_accept_socket(http, bound)
    }

    func setPaused(_ isPaused: Bool, because reason: Pause) {
        guard bound != nil else { return }
        if isPaused { pauses.insert(reason) } else { pauses.remove(reason) }
        _ = pauses.isEmpty ? evconnlistener_enable(listener) : evconnlistener_disable(listener)
    }

    /// Pauses accepting. EMFILE leaves the connection in the backlog and the socket readable, so the loop would spin
    /// (measured: a whole core and 370,000 log lines/s).
    private func acceptFailed() {
        setPaused(true, because: .outOfDescriptors)
        resume = LoopEvent.timer(after: .milliseconds(100)) { [unowned self] in
            setPaused(false, because: .outOfDescriptors)
        }
    }

    private struct Unowned {
        unowned let value: HTTPListener
        init(_ value: HTTPListener) { self.value = value }
    }

    private static var byPointer: [OpaquePointer: Unowned] = [:]
}
