import Alerts
import CZlib
import Dispatch
import Libevent

/// Decodes webhook bodies: small ones immediately on the loop, others one at a time on its own queue.
///
/// Large or compressed bodies take milliseconds and must not block the loop. Decoding one at a time bounds the memory
/// beyond the bodies themselves. The memory budget of the listener bounds those.
@LoopActor
final class WebhookReader {
    typealias Outcome = Result<AlertBatch, WebhookDecoder.Failure>

    /// The size limit for decoding on the loop, in bytes: about a hundred alerts, well below a millisecond.
    private static let smallBody = 128 * 1024

    /// Used from the next body on.
    var decoder: WebhookDecoder {
        didSet { parser = decoder.makeParser() }
    }
    private var parser: WebhookParser
    private let queue = DispatchQueue(label: "webhook-reader", qos: .userInitiated)

    init(_ decoder: WebhookDecoder) {
        self.decoder = decoder
        parser = decoder.makeParser()
    }

    /// Calls `done` exactly once, before this returns for a small body. Otherwise the client may have closed the
    /// connection by then.
    func read(
        _ sent: consuming [UInt8], coding: ContentCoding, acceptedAt: Timestamp,
        then done: @escaping @LoopActor @Sendable (Outcome) -> Void
    ) {
        let decoder = decoder
        if coding == .identity && sent.count <= Self.smallBody {
            return done(Self.outcome(of: sent, coding, acceptedAt, decoder, parser))
        }
        // Copied, because a closure cannot capture a consumed parameter.
        let body = sent
        queue.async { @Sendable in
            let outcome = Self.outcome(of: body, coding, acceptedAt, decoder, nil)
            LoopActor.post { done(outcome) }
        }
    }

    private nonisolated static func outcome(
        of body: [UInt8], _ coding: ContentCoding, _ acceptedAt: Timestamp, _ decoder: WebhookDecoder,
        _ parser: WebhookParser?
    ) -> Outcome {
        Result { () throws(WebhookDecoder.Failure) in
            try decoder.read(body, coding: coding, acceptedAt: acceptedAt, by: parser)
        }
    }
}

/// The content coding of a body (RFC 9110 section 8.4).
enum ContentCoding {
    case identity
    /// gzip, or deflate in zlib format. zlib detects the format by the first bytes.
    case zlib

    enum Failure: Error, Equatable {
        case damaged
        /// The decompressed body is larger than the limit.
        case tooLarge
    }

    /// - Parameter field: the `Content-Encoding` value. Returns nil if the coding is not supported.
    init?(field: String?) {
        switch field?.lowercased() {
        case nil, "", "identity": self = .identity
        case "gzip", "x-gzip", "deflate": self = .zlib
        default: return nil
        }
    }

    /// Decodes the body to at most `limit` bytes.
    ///
    /// Uses no more memory than that. A body larger than the scratch buffer is decompressed twice, first to compute its
    /// size. gzip may have several members (RFC 1952 section 2.2); the limit applies to their sum.
    func decode(_ body: [UInt8], limit: Int) throws(Failure) -> [UInt8] {
        switch self {
        case .identity: return body
        case .zlib:
            var scratch = [UInt8](repeating: 0, count: Self.scratchSize)
            let size = try scratch.withUnsafeMutableBufferPointer { (scratch) throws(Failure) in
                try Self.inflate(body, into: scratch, wraps: true, limit: limit)
            }
            var failure: Failure?
            let output = [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
                guard size > scratch.count else {
                    count = size
                    return _ = buffer.update(from: scratch[..<size])
                }
                do throws(Failure) {
                    let exact = UnsafeMutableBufferPointer(rebasing: buffer[..<size])
                    count = try Self.inflate(body, into: exact, wraps: false, limit: size)
                } catch { failure = error }
            }
            if let failure { throw failure }
            return output
        }
    }

    private static let scratchSize = 64 * 1024

    /// Decompresses a body and returns its size.
    ///
    /// - Parameter wraps: overwrite `output` from its start when it is full, to compute the size of a larger body.
    private static func inflate(
        _ body: [UInt8], into output: UnsafeMutableBufferPointer<UInt8>, wraps: Bool, limit: Int
    ) throws(Failure) -> Int {
        var stream = z_stream()
        // 15 window bits; adding 32 detects gzip and zlib headers.
        guard relay_inflate_init(&stream, 15 + 32) == Z_OK else { throw .damaged }
        defer { inflateEnd(&stream) }
        return try body.withUnsafeBufferPointer { (input) throws(Failure) in
            // zlib only reads this buffer; its API predates const.
            stream.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
            stream.avail_in = UInt32(clamping: input.count)
            let isGzip = isGzip(input[...])
            var size = 0
            var used = 0
            while true {
                if wraps, used == output.count { used = 0 }
                // With a full output buffer zlib can still read the end of the stream.
                stream.next_out = output.baseAddress.map { $0 + used }
                stream.avail_out = UInt32(clamping: output.count - used)
                let before = stream.avail_out
                let code = CZlib.inflate(&stream, Z_NO_FLUSH)
                size += Int(before - stream.avail_out)
                used += Int(before - stream.avail_out)
                if size > limit { throw .tooLarge }
                if code == Z_STREAM_END {
                    if stream.avail_in == 0 { return size }
                    // Only another gzip member may follow; other trailing data is invalid.
                    guard isGzip, Self.isGzip(input.suffix(Int(stream.avail_in))), inflateReset(&stream) == Z_OK else {
                        throw .damaged
                    }
                } else if code != Z_OK {
                    throw .damaged
                }
            }
        }
    }

    private static func isGzip(_ bytes: Slice<UnsafeBufferPointer<UInt8>>) -> Bool {
        bytes.starts(with: [0x1F, 0x8B])
    }
}

/// The metrics of accepted webhooks, looked up once as in `Intake`.
struct AcceptedWebhooks {
    private let requests: Counter
    private let durations: Histogram

    init(_ metrics: Metrics) {
        requests = metrics.httpRequests[Route.webhook.rawValue, "200"]
        durations = metrics.httpRequestDuration[Route.webhook.rawValue]
    }

    func answered(after duration: Duration) {
        requests.increment()
        durations.observe(duration)
    }
}
