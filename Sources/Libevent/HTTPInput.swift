import CLibevent

/// Received bytes of one connection, charged to the server's memory budget.
///
/// Usually a request arrives complete and its bytes stay in the bufferevent's input. Bytes of an incomplete request are
/// staged, because evhttp must not see them when libevent calls it next. The body of a request stays where it is until
/// its handler reads it or the request ends.
@LoopActor
final class HTTPInput {
    private let bufferEvent: OpaquePointer
    private let memory: MemoryBudget
    /// The staged bytes; nil if there are none.
    private var stage: OpaquePointer?
    private var charged = 0
    private var ticket: UInt64?
    /// The body of the request that evhttp has, as far as its handler has not removed it; at the front of the bytes.
    private(set) var bodySize = 0
    /// The same for a chunked body, which has a buffer of its own.
    private var decoded: HTTPChunkedBody?
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
        (decoded, bodySize) = (nil, 0)
        evbuffer_drain(input, evbuffer_get_length(input))
        discharge(charged)
    }

    // MARK: Requests

    /// Begins a request whose body is the next `size` bytes.
    func beginRequest(bodySize size: Int) {
        stopWaiting()
        bodySize = size
        // Staged bytes are charged already.
        if stage == nil { charge(evbuffer_get_length(input)) }
    }

    /// Begins a request with a chunked body.
    func beginRequest(_ body: HTTPChunkedBody) {
        stopWaiting()
        (decoded, bodySize) = (body, body.length)
    }

    /// Puts a head for evhttp before the input.
    func prepend(_ head: StaticString) {
        evbuffer_prepend(input, head.utf8Start, head.utf8CodeUnitCount)
    }

    private var bodyBuffer: OpaquePointer? { decoded?.buffer ?? stage ?? input }

    /// The body of the request that evhttp has; empty if its handler has removed it.
    func body() -> [UInt8] {
        // An empty array's storage is shared by all threads, and this initializer would write its count.
        guard bodySize > 0 else { return [] }
        let buffer = bodyBuffer
        if evbuffer_get_contiguous_space(buffer) >= bodySize {
            // Most bodies. This initializer takes a third of the other's instructions.
            return Array(UnsafeBufferPointer(start: evbuffer_pullup(buffer, bodySize), count: bodySize))
        }
        return [UInt8](unsafeUninitializedCapacity: bodySize) { bytes, count in
            count = max(0, Int(evbuffer_copyout(buffer, bytes.baseAddress, bodySize)))
        }
    }

    /// Frees the body, which remains charged until the request ends.
    func removeBody() {
        if bodySize > 0 { evbuffer_drain(bodyBuffer, bodySize) }
        (decoded, bodySize) = (nil, 0)
    }

    /// Ends the request: only bytes staged for the next request remain charged.
    func finishRequest() {
        removeBody()
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

    /// Calls `resume` once when reading may continue. Does nothing if the connection waits already.
    func waitForMemory(isTrusted: Bool, now: ContinuousClock.Instant, resume: @escaping @LoopActor () -> Void) {
        guard ticket == nil else { return }
        waitingSince = now
        ticket = memory.wait(isTrusted: isTrusted) { [weak self] in
            guard let self, ticket != nil else { return }
            (ticket, waitingSince) = (nil, nil)
            resume()
        }
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
