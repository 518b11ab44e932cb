import CLibevent
import Glibc

/// One accepted connection, and the gate that filters its bytes before evhttp.
///
/// evhttp 2.1.12 reads bodies before they can be refused, reads without bound while a client reads no replies,
/// truncates values at a NUL, parses the body of HEAD or TRACE as a request, and answers some errors itself. The gate
/// therefore passes no bytes of clients to evhttp. It removes the input before evhttp is called, parses and screens each
/// head, and buffers the body under the memory budget. Then evhttp receives one request with a head that the gate wrote
/// and no body. The next request waits until the reply is written.
///
/// evhttp reports a connection's end only once a request has reached the handler. This object therefore holds its own
/// reference to the bufferevent, which keeps memory and descriptor valid. It learns of the end by the close callback,
/// or by the table's sweep, which recognises a bufferevent that evhttp has freed by its missing callbacks.
@LoopActor
final class HTTPConnection {
    enum Phase {
        /// Nothing has arrived since the last reply or since acceptance.
        case idle
        /// Part of a head has arrived.
        case head
        /// The head is complete; the program has not admitted or refused the request yet.
        case screening
        /// The request is admitted, and its body is incomplete.
        case body
        /// evhttp has the request; lasts until the reply is written.
        case handedOver
        /// Answered by the server itself; further input is dropped until the client closes (RFC 9112 section 9.6).
        case refused
        case ended

        /// A request is being read and has not been passed to evhttp.
        var isReading: Bool { self == .head || self == .screening || self == .body }
    }

    /// The neighbours in the list of unproven connections.
    struct Links {
        var previous: HTTPConnection?
        var next: HTTPConnection?
    }

    let bufferEvent: OpaquePointer
    private var inputCallback: OpaquePointer?
    let table: HTTPConnectionTable
    var tls: TLSSession?

    // Written only by this type's files.
    var phase = Phase.idle
    /// The start of the phase's timeout: acceptance, the last reply, a request's first byte or a refusal.
    var since: ContinuousClock.Instant
    var links = Links()
    /// The client whose connection count includes this connection.
    var countedFor: HTTPPeer.Source?
    /// Whether a request on this connection was authenticated.
    private(set) var isTrusted = false
    var requests = 0
    private(set) lazy var peer = HTTPPeer(descriptor: descriptor)

    let inbox: HTTPInput
    /// The start of the incomplete line in the head that is being read.
    private var line = 0
    var hasSkippedEmptyLine = false
    /// A pipelined request waits for the next iteration of the loop. Reading is disabled until then.
    var isResumedLater = false
    /// Set from the parsing of its head until evhttp passes it to the handler.
    var request: HTTPRequest?
    private var bodyLimit = 0
    private var chunkedBody: HTTPChunkedBody?
    /// Increases with each request, so that a late verdict on an earlier request is ignored.
    private(set) var generation: UInt64 = 0
    private var isScreeningNow = false
    private var isInReadCallback = false
    private var isContinuePending = false
    /// evhttp's callbacks while the gate's callbacks replace them.
    var evhttpCallbacks: BufferEventCallbacks?
    let registration: SocketRegistration
    /// Bytes dropped since the connection was refused.
    private(set) var dropped = 0
    /// The request whose reply is awaited or being written.
    var exchange: HTTPExchange?

    init(bufferEvent: OpaquePointer, table: HTTPConnectionTable, tls: TLSSession?) {
        (self.bufferEvent, self.table, self.tls) = (bufferEvent, table, tls)
        inbox = HTTPInput(bufferEvent, memory: table.memory)
        registration = SocketRegistration(of: bufferEvent)
        since = table.clock.now
        bufferevent_incref(bufferEvent)
        // Pipelined input beyond this stays in the kernel. libevent stops reading there, and the rest of a TLS record
        // would stay in OpenSSL, where nothing reports it. A read takes at most two records, of 16 KiB each.
        let most = tls == nil ? table.limits.headerSize : max(table.limits.headerSize, 32 << 10)
        bufferevent_setwatermark(bufferEvent, Int16(EV_READ), 0, most)
        // Unretained: `deinit` removes the callback.
        inputCallback = evbuffer_add_cb(
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

    /// Stops reading. Needed because the bufferevent would read on, and this object may be freed some time after its
    /// removal from the table.
    func detach() {
        guard let inputCallback else { return }
        self.inputCallback = nil
        registration.end()
        evbuffer_remove_cb_entry(bufferevent_get_input(bufferEvent), inputCallback)
        bufferevent_disable(bufferEvent, Int16(EV_READ | EV_WRITE))
    }

    var descriptor: Int32 { bufferevent_getfd(bufferEvent) }

    /// evhttp has freed its side. `bufferevent_free` clears the callbacks, and both evhttp and the gate always set the
    /// event callback (evhttp removes its read callback while it writes).
    var isReleasedByServer: Bool { BufferEventCallbacks(of: bufferEvent).event == nil }

    /// Whether the connection may be evicted: none of its requests is being handled.
    var isEvictable: Bool { phase != .screening && phase != .handedOver && phase != .ended }

    func trust() {
        guard !isTrusted else { return }
        isTrusted = true
        table.didBecomeTrusted(self)
    }

    /// Counts the connection for the client that a proxy names. Returns false if that client is at its limit.
    func attribute(to address: String) -> Bool {
        HTTPPeer.Source(address).map { table.count(self, for: $0) } ?? true
    }

    // MARK: Reading

    /// Called by libevent during its read, before evhttp's callback.
    private func bytesArrived() {
        registration.hasRead = true
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

    func beginRequest() {
        phase = .head
        since = table.clock.now
        generation &+= 1
        line = 0
    }

    /// Processes all input that has arrived, and leaves no bytes in the input that evhttp must not see.
    func advance() {
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
        guard inbox.isWaitingForMemory || table.memory.isExhausted(forTrusted: isTrusted) else { return }
        bufferevent_disable(bufferEvent, Int16(EV_READ))
        inbox.waitForMemory(isTrusted: isTrusted, now: table.clock.now) { [weak self] in
            guard let self, phase == .head || phase == .body else { return }
            bufferevent_enable(bufferEvent, Int16(EV_READ))
            pauseIfExhausted()
        }
    }

    private func readHead() throws(HTTPRefusal) {
        try skipEmptyLine()
        guard phase == .head else { return }
        let length = try inbox.withBytes(upTo: table.limits.headerSize) { (bytes) throws(HTTPRefusal) -> Int? in
            if let first = bytes.first, !first.isToken, first != .carriageReturn {
                throw .malformed("this is no HTTP/1.1 request")
            }
            guard let end = try HTTPHead.end(in: bytes, line: &line) else {
                if bytes.count >= table.limits.headerSize { throw .malformed("the request's header is too large") }
                return nil
            }
            let head = UnsafeBufferPointer(rebasing: bytes[..<end])
            request = try HTTPRequest(parsing: head, fieldLimit: table.limits.headerFields)
            return end
        }
        guard let length else { return }
        inbox.drop(length)
        try screen()
    }

    /// Ignores one empty line before a request (RFC 9112 section 2.2).
    private func skipEmptyLine() throws(HTTPRefusal) {
        if hasSkippedEmptyLine || line > 0 { return }
        let isEmptyLine = try inbox.withBytes(upTo: 2) { $0.starts(with: "\r\n") }
        guard isEmptyLine else { return }
        hasSkippedEmptyLine = true
        inbox.drop(2)
        if inbox.count == 0 { phase = .idle }
    }

    // MARK: Screening

    private func screen() throws(HTTPRefusal) {
        phase = .screening
        guard let request else { return }
        if case .length(let length) = request.framing.body, length > table.limits.bodySize {
            throw .bodyAbove(table.limits.bodySize)
        }
        isScreeningNow = true
        table.screen(IncomingRequest(request, on: self))
        isScreeningNow = false
        // The verdict comes later: stop reading until then.
        if phase == .screening { bufferevent_disable(bufferEvent, Int16(EV_READ)) }
    }

    /// Called when the program accepts the request.
    func admit(bodyLimit: Int) {
        guard phase == .screening, let request else { return }
        self.bodyLimit = min(bodyLimit, table.limits.bodySize)
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
            if isContinuePending { return }
            inbox.beginRequest(bodySize: length)
            handOver()
        case .chunked:
            let body = chunkedBody ?? HTTPChunkedBody(bodyLimit: bodyLimit, limits: table.limits)
            chunkedBody = body
            try inbox.decode(into: body)
            if !body.isComplete { return askForBody() }
            if isContinuePending { return }
            chunkedBody = nil
            inbox.beginRequest(body)
            handOver()
        case .some(.none), nil:
            inbox.beginRequest(bodySize: 0)
            handOver()
        }
    }

    /// Sends 100 Continue if the client expects it and has sent none of its body.
    private func askForBody() {
        guard request?.framing.expectsContinue == true else { return }
        request?.framing.expectsContinue = false
        guard inbox.count == 0, chunkedBody.map({ $0.length == 0 }) ?? true else { return }
        isContinuePending = true
        installGateCallbacks()
        let interim = "HTTP/1.1 100 Continue\r\n\r\n"
        bufferevent_write(bufferEvent, interim, interim.utf8.count)
        bufferevent_enable(bufferEvent, Int16(EV_WRITE))
    }

    /// Called when all output of the gate is written.
    func outputWritten() {
        if phase == .refused { return finishRefusal() }
        guard isContinuePending else { return }
        isContinuePending = false
        restoreCallbacks()
        if phase == .body { advance() }
    }

    /// Passes a request to evhttp. It never sees the client's method, fields or body, nor decides whether to keep the
    /// connection. It reads no body of HEAD, so that the body stays in the input.
    private func handOver() {
        // Set first: adding to the input calls `bytesArrived`.
        phase = .handedOver
        restoreCallbacks()
        inbox.prepend("HEAD / HTTP/1.1\r\n\r\n")
        // During a read, libevent calls evhttp next anyway.
        if !isInReadCallback { bufferevent_trigger(bufferEvent, Int16(EV_READ), 0) }
    }
}
