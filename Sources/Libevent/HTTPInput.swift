import CLibevent

/// Received bytes of one connection that evhttp does not have yet, charged to the server's memory budget.
///
/// Usually a request arrives complete and its bytes stay in the bufferevent's input. Bytes of an incomplete request are
/// staged, because evhttp must not see them when libevent calls it next.
@LoopActor
final class HTTPInput {
    private let bufferEvent: OpaquePointer
    private let memory: MemoryBudget
    /// The staged bytes; nil if there are none.
    private var stage: OpaquePointer?
    private var charged = 0
    private var ticket: UInt64?
    /// The start of the wait for memory; nil if the connection does not wait.
    private(set) var waitingSince: ContinuousClock.Instant?

    init(_ bufferEvent: OpaquePointer, memory: MemoryBudget) {
        self.bufferEvent = bufferEvent
        self.memory = memory
    }

    private var input: OpaquePointer? { bufferevent_get_input(bufferEvent) }

    /// The buffer that holds the request in progress.
    private var buffer: OpaquePointer? {
        if stage != nil { stageInput() }
        return stage ?? input
    }

    var count: Int { evbuffer_get_length(buffer) }
    var stagedCount: Int { stage.map { evbuffer_get_length($0) } ?? 0 }
    var isWaitingForMemory: Bool { ticket != nil }

    // MARK: Bytes

    /// Appends the input to the staged bytes.
    func stageInput() {
        let input = input
        let count = evbuffer_get_length(input)
        guard count > 0 else { return }
        if stage == nil { stage = evbuffer_new() }
        // Copied instead of moved: libevent reads 4096 bytes into a block of 8192, and one byte into a block of 512. A
        // moved piece would keep its block; copies fill the stage's blocks.
        evbuffer_add(stage, evbuffer_pullup(input, count), count)
        evbuffer_drain(input, count)
        charge(count)
    }

    /// Calls `body` with the first received bytes in contiguous memory. Copies them only if they are not contiguous.
    func withBytes<Result>(
        upTo limit: Int, _ body: (UnsafeBufferPointer<UInt8>) throws(HTTPRefusal) -> Result
    ) throws(HTTPRefusal) -> Result {
        let buffer = buffer
        let count = min(evbuffer_get_length(buffer), limit)
        let start = count == 0 ? nil : evbuffer_pullup(buffer, count)
        return try body(UnsafeBufferPointer(start: start, count: start == nil ? 0 : count))
    }

    /// Removes bytes from the front.
    func drop(_ count: Int) {
        guard let stage else { return _ = evbuffer_drain(input, count) }
        evbuffer_drain(stage, count)
        discharge(count)
    }

    /// Drops all bytes and releases their charge. Must be called before the bufferevent is released.
    func empty() {
        stopWaiting()
        if let stage { evbuffer_free(stage) }
        stage = nil
        evbuffer_drain(input, evbuffer_get_length(input))
        discharge(charged)
    }

    // MARK: Handing over

    /// Puts a request's body at the front of the input for evhttp. Pipelined bytes behind it are staged.
    func putBack(bodyOf length: Int) {
        stopWaiting()
        guard let stage else { return putBackInput(length) }
        move(length, from: stage)
    }

    /// Puts a decoded body at the front of the input for evhttp.
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

    /// Puts the gate's head before the body.
    func prepend(_ head: String) {
        evbuffer_prepend(input, head, head.utf8.count)
    }

    /// Ends the request: only bytes staged for the next request remain charged.
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

    /// Decodes all chunks that have arrived.
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

    /// Waits if the budget is exhausted: `resume` is called once when reading may continue.
    ///
    /// - Returns: whether the connection waits.
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

/// The decoded part of a chunked body.
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

    /// Total size of all chunks whose size is known.
    var length: Int { chunks.total }

    /// Consumes the front of `stage`: chunk data, or the coding between two chunks within one contiguous piece.
    ///
    /// - Returns: the number of removed bytes that belong to the coding.
    fileprivate func read(from stage: OpaquePointer) throws(HTTPRefusal) -> Int {
        // `total` counts a chunk's data as soon as its size is known.
        let missing = chunks.total - evbuffer_get_length(buffer)
        // The first contiguous piece, but at least 64 bytes, so that an empty piece at the front does not stop parsing.
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
