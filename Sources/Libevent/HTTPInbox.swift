import CLibevent
import Support

/// What has arrived on one connection and is not with evhttp yet, charged to the server's budget of memory.
///
/// Bytes stay in the bufferevent's input while a request may be whole at once, which is the usual case and moves nothing.
/// Else they are staged: evhttp must not see them when libevent calls it next.
@LoopActor
final class HTTPInbox {
    private let bufferEvent: OpaquePointer
    private let memory: HTTPMemory
    /// Nil while nothing is staged.
    private var stage: OpaquePointer?
    private var charged = 0
    private var ticket: UInt64?
    /// Since when the connection waits for memory; nil while it does not.
    private(set) var waitingSince: ContinuousClock.Instant?

    init(_ bufferEvent: OpaquePointer, memory: HTTPMemory) {
        self.bufferEvent = bufferEvent
        self.memory = memory
    }

    private var input: OpaquePointer? { bufferevent_get_input(bufferEvent) }

    /// Where the request in progress is.
    private var buffer: OpaquePointer? {
        if stage != nil { stageInput() }
        return stage ?? input
    }

    var count: Int { evbuffer_get_length(buffer) }
    var stagedCount: Int { stage.map { evbuffer_get_length($0) } ?? 0 }
    var isWaitingForMemory: Bool { ticket != nil }

    // MARK: Bytes

    /// Moves what the input holds behind what is staged already.
    func stageInput() {
        let input = input
        let count = evbuffer_get_length(input)
        guard count > 0 else { return }
        if stage == nil { stage = evbuffer_new() }
        // Copied: libevent reads 4096 bytes into a block of 8192, and a byte into one of 512. Moved, each piece would keep
        // its block; copied, the pieces fill the stage's blocks.
        evbuffer_add(stage, evbuffer_pullup(input, count), count)
        evbuffer_drain(input, count)
        charge(count)
    }

    /// Calls `body` with the first bytes of what has arrived, in one piece. A head that came in one piece is read where it
    /// is; another is copied together.
    func withBytes<Result>(
        upTo limit: Int, _ body: (UnsafeBufferPointer<UInt8>) throws(HTTPRefusal) -> Result
    ) throws(HTTPRefusal) -> Result {
        let buffer = buffer
        let count = min(evbuffer_get_length(buffer), limit)
        let start = count == 0 ? nil : evbuffer_pullup(buffer, count)
        return try body(UnsafeBufferPointer(start: start, count: start == nil ? 0 : count))
    }

    /// Takes bytes away from the front.
    func drop(_ count: Int) {
        guard let stage else { return _ = evbuffer_drain(input, count) }
        evbuffer_drain(stage, count)
        discharge(count)
    }

    /// Drops everything, and gives back what was charged. To be called before the bufferevent is let go.
    func empty() {
        stopWaiting()
        if let stage { evbuffer_free(stage) }
        stage = nil
        evbuffer_drain(input, evbuffer_get_length(input))
        discharge(charged)
    }

    // MARK: Handing over

    /// Puts a request's body at the front of the input, where evhttp reads it; what is pipelined behind it is staged.
    func putBack(bodyOf length: Int) {
        stopWaiting()
        guard let stage else { return putBackInput(length) }
        move(length, from: stage)
    }

    /// The same for a body that was decoded.
    func putBack(_ decoded: HTTPChunkedBody) {
        stopWaiting()
        move(decoded.length, from: decoded.buffer)
    }

    private func move(_ length: Int, from buffer: OpaquePointer?) {
        if evbuffer_get_length(buffer) == length {
            evbuffer_prepend_buffer(input, buffer)
        } else {
            let body = evbuffer_new()
            evbuffer_remove_buffer(buffer, body, length)
            evbuffer_prepend_buffer(input, body)
            evbuffer_free(body)
        }
    }

    private func putBackInput(_ length: Int) {
        let input = input
        guard evbuffer_get_length(input) > length else { return charge(length) }
        let body = evbuffer_new()
        evbuffer_remove_buffer(input, body, length)
        stageInput()
        charge(length)
        evbuffer_prepend_buffer(input, body)
        evbuffer_free(body)
    }

    /// Puts a head of our own before the body.
    func prepend(_ head: String) {
        evbuffer_prepend(input, head, head.utf8.count)
    }

    /// The request is over: only what is staged for the next one is charged from here on.
    func finishRequest() {
        if evbuffer_get_length(input) > 0 { stageInput() }
        let rest = stagedCount
        discharge(charged - rest)
        if rest == 0, let stage {
            evbuffer_free(stage)
            self.stage = nil
        }
    }

    // MARK: Decoding

    /// Decodes chunks as far as they have arrived.
    func decode(into body: HTTPChunkedBody) throws(HTTPRefusal) {
        stageInput()
        while let stage, !body.isComplete, evbuffer_get_length(stage) > 0 {
            discharge(try body.read(from: stage))
        }
    }

    // MARK: Memory

    func charge(_ bytes: Int) {
        charged += bytes
        memory.charge(bytes)
    }

    private func discharge(_ bytes: Int) {
        let bytes = min(bytes, charged)
        charged -= bytes
        memory.release(bytes)
    }

    /// Has the connection wait where the budget is used up: `resume` is called once when reading may go on.
    ///
    /// - Returns: whether it waits.
    func waitIfExhausted(
        isTrusted: Bool, now: ContinuousClock.Instant, resume: @escaping @LoopActor () -> Void
    ) -> Bool {
        guard ticket == nil, memory.isExhausted(forTrusted: isTrusted) else { return ticket != nil }
        waitingSince = now
        ticket = memory.wait(isTrusted: isTrusted) { [weak self] in
            guard let self, ticket != nil else { return }
            (ticket, waitingSince) = (nil, nil)
            resume()
        }
        return true
    }

    func stopWaiting() {
        if let ticket { memory.cancel(ticket) }
        (ticket, waitingSince) = (nil, nil)
    }
}

/// The body of a chunked request, as far as it is decoded.
@LoopActor
final class HTTPChunkedBody {
    let buffer = evbuffer_new()
    private var chunks: HTTPChunks
    private(set) var isComplete = false

    /// - Parameter bodyLimit: in bytes, decoded.
    init(bodyLimit: Int, limits: HTTPLimits) {
        chunks = HTTPChunks(
            bodyLimit: bodyLimit, overheadLimit: limits.headerSize, trailerLimit: limits.headerFields)
    }

    isolated deinit {
        evbuffer_free(buffer)
    }

    /// Bytes of all chunks whose sizes are known.
    var length: Int { chunks.total }

    /// Takes what it can of the front of `stage`: a chunk's data, or what lies between two in one piece of memory.
    ///
    /// - Returns: the bytes that are of the coding, and gone.
    fileprivate func read(from stage: OpaquePointer) throws(HTTPRefusal) -> Int {
        // `total` counts a chunk's data as soon as its size is known.
        let missing = chunks.total - evbuffer_get_length(buffer)
        // What is in one piece; a little is copied together, so that an empty piece at the front does not stop it.
        let count = max(evbuffer_get_contiguous_space(stage), min(evbuffer_get_length(stage), 64))
        if missing > 0 {
            // Copied, as in `stageInput`.
            let data = min(missing, count)
            evbuffer_add(buffer, evbuffer_pullup(stage, data), data)
            evbuffer_drain(stage, data)
            return 0
        }
        let bytes = UnsafeBufferPointer(start: evbuffer_pullup(stage, count), count: count)
        var index = 0
        isComplete = try chunks.advance(over: bytes, from: &index) == .end
        evbuffer_drain(stage, index)
        return index
    }
}
