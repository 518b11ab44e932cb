import CLibevent
import Glibc
import Support

/// One accepted connection, and the gate that its bytes pass before evhttp.
///
/// evhttp 2.1.12 reads bodies before anybody may refuse them, reads on without bound while a client does not take its
/// answers, cuts values at a NUL, takes a body of HEAD or TRACE for another request, and answers some errors itself. So
/// it is given nothing that a client wrote but bodies: what arrives is taken out of the bufferevent's input before
/// evhttp is called, a head is parsed and screened when it is complete, the body is collected under a budget, and only
/// then does evhttp get one whole request with a head of our own. Until the reply is written no other one is looked at.
///
/// evhttp tells of a connection's end only once a request has reached the handler. So this object holds a reference of
/// its own to the bufferevent, which keeps memory and descriptor valid until the end is seen: at once through the close
/// callback, else by the table's sweep, which recognises a bufferevent that evhttp has let go by its missing callbacks.
@LoopActor
final class HTTPConnection {
    enum Phase {
        /// Nothing has arrived since the last reply, or at all.
        case idle
        /// A part of a head has arrived.
        case head
        /// The head is complete, and the program has yet to say whether the request may go on.
        case screening
        /// The request may go on, and a part of its body has arrived.
        case body
        /// evhttp has the request; until its reply is written.
        case handedOver
        /// Answered by the server itself; what the client still sends is dropped until it leaves (RFC 9112 section 9.6).
        case refused
        case ended

        /// A request is being read, and evhttp knows nothing of it.
        var isReading: Bool { self == .head || self == .screening || self == .body }
    }

    /// The neighbours among those that make way for newcomers.
    struct Links {
        var previous: HTTPConnection?
        var next: HTTPConnection?
    }

    let bufferEvent: OpaquePointer
    private var arrivals: OpaquePointer?
    unowned let table: HTTPConnectionTable
    private var limits: HTTPLimits { table.limits }
    var tls: TLSSession?

    // What is set by this file and the other two of this type alone.
    var phase = Phase.idle
    /// When the phase's clock began: acceptance, the last reply, a request's first byte, a refusal.
    var since: ContinuousClock.Instant
    var links = Links()
    /// The client that this connection counts for.
    var countedFor: HTTPPeer.Source?
    /// Whether a request on this connection has shown that its sender may post here.
    private(set) var isTrusted = false
    var requests = 0
    private(set) lazy var peer = HTTPPeer(descriptor: descriptor)

    let inbox: HTTPInbox
    /// Where the line begins that is not complete, in the head that is being read.
    private var line = 0
    var hasSkippedEmptyLine = false
    /// Once its head has been parsed, until evhttp gives it to the handler.
    var request: HTTPRequest?
    private var bodyLimit = 0
    private var chunkedBody: HTTPChunkedBody?
    /// Grows with each request, so that a late verdict on another one is not taken for this one's.
    private(set) var generation: UInt64 = 0
    private var isScreeningNow = false
    private var isInReadCallback = false
    private var isContinueUnwritten = false
    /// evhttp's callbacks, while the gate's own are in their place.
    var evhttpCallbacks: BufferEventCallbacks?
    /// Bytes dropped since the connection was refused.
    private(set) var dropped = 0
    /// The request that awaits its reply, or whose reply is being written.
    var exchange: HTTPExchange?

    init(bufferEvent: OpaquePointer, table: HTTPConnectionTable, tls: TLSSession?) {
        self.bufferEvent = bufferEvent
        self.table = table
        self.tls = tls
        inbox = HTTPInbox(bufferEvent, memory: table.memory)
        since = table.clock.now
        bufferevent_incref(bufferEvent)
        // What is pipelined behind a request waits in the kernel beyond this.
        bufferevent_setwatermark(bufferEvent, Int16(EV_READ), 0, table.limits.headerSize)
        // Unretained: `deinit` takes the callback off again.
        arrivals = evbuffer_add_cb(
            bufferevent_get_input(bufferEvent),
            { _, info, context in
                guard let context, let info, info.pointee.n_added > 0 else { return }
                Unmanaged<HTTPConnection>.fromOpaque(context).takeUnretainedValue().bytesArrived()
            }, Unmanaged.passUnretained(self).toOpaque())
    }

    isolated deinit {
        detach()
        inbox.empty()
        bufferevent_decref(bufferEvent)
    }

    /// Looks at no more bytes. The bufferevent goes on reading for as long as it lives, and this object may be freed later
    /// than it is let go.
    func detach() {
        guard let arrivals else { return }
        self.arrivals = nil
        evbuffer_remove_cb_entry(bufferevent_get_input(bufferEvent), arrivals)
        bufferevent_disable(bufferEvent, Int16(EV_READ | EV_WRITE))
    }

    var descriptor: Int32 { bufferevent_getfd(bufferEvent) }

    /// evhttp has freed its side: `bufferevent_free` clears the callbacks, of which evhttp always sets the one for
    /// events (the one for reading it takes off while it writes), and so does the gate.
    var isReleasedByServer: Bool { BufferEventCallbacks(of: bufferEvent).event == nil }

    /// Whether a newcomer may have its place: no request of it is being handled.
    var mayMakeWay: Bool { phase != .screening && phase != .handedOver && phase != .ended }

    func trust() {
        guard !isTrusted else { return }
        isTrusted = true
        table.becameTrusted(self)
    }

    /// Counts the connection for the client that a proxy names; false where that one has too many.
    func attribute(to address: String) -> Bool {
        HTTPPeer.Source(address).map { table.count(self, for: $0) } ?? true
    }

    // MARK: Reading

    /// Called by libevent from within its read, before evhttp's own callback.
    private func bytesArrived() {
        if tls != nil { handshakeFinished() }
        switch phase {
        case .handedOver, .ended: return
        case .refused:
            dropped += inbox.count
            inbox.drop(inbox.count)
        case .idle, .head, .screening, .body:
            isInReadCallback = true
            if phase == .idle { beginRequest() }
            advance()
            isInReadCallback = false
        }
    }

    /// Goes on with a request that had arrived behind another one, once evhttp is back in its state of reading.
    func resume() {
        if phase == .head { advance() }
    }

    func beginRequest() {
        phase = .head
        since = table.clock.now
        generation &+= 1
        line = 0
    }

    /// Goes on as far as what has arrived allows, and leaves nothing in the input that evhttp is not to see.
    private func advance() {
        do throws(HTTPRefusal) {
            if phase == .head { try readHead() }
            if phase == .body { try readBody() }
        } catch {
            refuse(error)
        }
        guard phase.isReading || phase == .idle else { return }
        inbox.stageInput()
        if phase.isReading { pauseIfExhausted() }
    }

    private func pauseIfExhausted() {
        let waits = inbox.waitIfExhausted(isTrusted: isTrusted, now: table.clock.now) { [weak self] in
            guard let self, phase == .head || phase == .body else { return }
            bufferevent_enable(bufferEvent, Int16(EV_READ))
            pauseIfExhausted()
        }
        if waits { bufferevent_disable(bufferEvent, Int16(EV_READ)) }
    }

    private func readHead() throws(HTTPRefusal) {
        try skipEmptyLine()
        guard phase == .head else { return }
        let length = try inbox.withBytes(upTo: limits.headerSize) { (bytes) throws(HTTPRefusal) -> Int? in
            if let first = bytes.first, !first.isToken, first != .carriageReturn {
                throw .malformed("this is no HTTP/1.1 request")
            }
            guard let end = try HTTPHead.end(in: bytes, line: &line) else {
                if bytes.count >= limits.headerSize { throw .malformed("the request's header is too large") }
                return nil
            }
            let head = UnsafeBufferPointer(rebasing: bytes[..<end])
            request = try HTTPRequest(parsing: head, fieldLimit: limits.headerFields)
            return end
        }
        guard let length else { return }
        inbox.drop(length)
        try screen()
    }

    /// One empty line before a request is nothing (RFC 9112 section 2.2).
    private func skipEmptyLine() throws(HTTPRefusal) {
        if hasSkippedEmptyLine || line > 0 { return }
        let isEmptyLine = try inbox.withBytes(upTo: 2) { $0.elementsEqual([.carriageReturn, .lineFeed]) }
        guard isEmptyLine else { return }
        hasSkippedEmptyLine = true
        inbox.drop(2)
        if inbox.count == 0 { phase = .idle }
    }

    // MARK: Screening

    private func screen() throws(HTTPRefusal) {
        phase = .screening
        guard let request else { return }
        if case .length(let length) = request.framing.body, length > limits.bodySize {
            throw .bodyAbove(limits.bodySize)
        }
        isScreeningNow = true
        table.screen(HTTPArrival(request, on: self))
        isScreeningNow = false
        // The verdict comes later: the client waits, and so do its bytes.
        if phase == .screening { bufferevent_disable(bufferEvent, Int16(EV_READ)) }
    }

    /// The program lets the request go on.
    func admit(bodyLimit: Int) {
        guard phase == .screening, let request else { return }
        self.bodyLimit = min(bodyLimit, limits.bodySize)
        if case .length(let length) = request.framing.body, length > self.bodyLimit {
            return refuse(.bodyAbove(self.bodyLimit))
        }
        phase = .body
        if isScreeningNow { return }
        if !inbox.isWaitingForMemory { bufferevent_enable(bufferEvent, Int16(EV_READ)) }
        advance()
    }

    // MARK: The body

    private func readBody() throws(HTTPRefusal) {
        switch request?.framing.body {
        case .length(let length):
            if inbox.count < length { return askForBody() }
            if !isContinueUnwritten { handOver(length) { inbox.putBack(bodyOf: length) } }
        case .chunked:
            let body = chunkedBody ?? HTTPChunkedBody(bodyLimit: bodyLimit, limits: limits)
            chunkedBody = body
            try inbox.decode(into: body)
            if !body.isComplete { return askForBody() }
            if isContinueUnwritten { return }
            chunkedBody = nil
            handOver(body.length) { inbox.putBack(body) }
        case .some(.none), nil:
            handOver(0) { inbox.putBack(bodyOf: 0) }
        }
    }

    /// Sends 100 Continue to a client that awaits it, and has sent nothing of its body.
    private func askForBody() {
        guard request?.framing.expectsContinue == true else { return }
        request?.framing.expectsContinue = false
        guard inbox.count == 0, chunkedBody.map({ $0.length == 0 }) ?? true else { return }
        isContinueUnwritten = true
        takeCallbacks()
        let interim = "HTTP/1.1 100 Continue\r\n\r\n"
        bufferevent_write(bufferEvent, interim, interim.utf8.count)
        bufferevent_enable(bufferEvent, Int16(EV_WRITE))
    }

    /// All of the gate's output is written.
    func outputWritten() {
        if phase == .refused { return announceRefusalsEnd() }
        guard isContinueUnwritten else { return }
        isContinueUnwritten = false
        giveCallbacksBack()
        if phase == .body { advance() }
    }

    // MARK: evhttp

    /// Gives evhttp one whole request: the body, and before it a head of our own. The connection's end, the method and all
    /// fields are the gate's to know.
    private func handOver(_ length: Int, putBack: () -> Void) {
        // First: what is put into the input is announced like bytes of the client's.
        phase = .handedOver
        giveCallbacksBack()
        putBack()
        inbox.prepend(
            length == 0 ? "GET / HTTP/1.1\r\n\r\n" : "POST / HTTP/1.1\r\nContent-Length: \(length)\r\n\r\n")
        // From within a read libevent calls evhttp next, by itself.
        if !isInReadCallback { bufferevent_trigger(bufferEvent, Int16(EV_READ), 0) }
    }
}
