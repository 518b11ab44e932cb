import Alerts
import CZlib
import Dispatch
import Journaling
import Libevent
import RocketChat
import SQLiteJournal
import Support

/// Reads webhooks' bodies: small ones at once, on the loop; others on a queue of its own, one after the other.
///
/// A large body takes milliseconds, and a packed one may become large, so neither may hold up the loop. One at a time
/// bounds what reading takes beside the bodies themselves, which the listener's budget of memory bounds.
@LoopActor
final class WebhookReader {
    typealias Outcome = Result<AlertBatch, WebhookDecoder.Failure>

    /// Bytes of a body that is read at once: about a hundred alerts, and well below a millisecond.
    private static let smallBody = 128 * 1024

    /// The next body is read by it.
    var decoder: WebhookDecoder {
        didSet { parser = decoder.makeParser() }
    }
    private var parser: WebhookParser
    private let queue = DispatchQueue(label: "webhook-reader", qos: .userInitiated)

    init(_ decoder: WebhookDecoder) {
        self.decoder = decoder
        parser = decoder.makeParser()
    }

    /// Calls back once: before it returns for a small body, later for others. By then the client may have gone.
    func read(
        _ sent: consuming [UInt8], coding: ContentCoding, acceptedAt: Timestamp,
        then done: @escaping @LoopActor @Sendable (Outcome) -> Void
    ) {
        let decoder = decoder
        if coding == .identity && sent.count <= Self.smallBody {
            return done(Self.outcome(of: sent, coding, acceptedAt, decoder, parser))
        }
        // Not captured by the closure as it is: a parameter that is consumed cannot be.
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

/// How a body was compressed on its way (RFC 9110 section 8.4).
enum ContentCoding {
    case identity
    /// gzip, and deflate in its zlib form; zlib tells the two apart by their first bytes.
    case zlib

    enum Failure: Error, Equatable {
        case damaged
        /// More than the limit: a bomb, or a body too large all the same.
        case tooLarge
    }

    /// - Parameter field: the `Content-Encoding` field; nil for a coding that is not understood.
    init?(field: String?) {
        switch field?.lowercased() {
        case nil, "", "identity": self = .identity
        case "gzip", "x-gzip", "deflate": self = .zlib
        default: return nil
        }
    }

    /// The body as it was before its coding, at most `limit` bytes.
    ///
    /// It takes no more memory than that: what is larger than a scratch buffer is unpacked twice, first to learn its size.
    /// gzip may have several members (RFC 1952 section 2.2); the limit is for all of them together.
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

    /// Unpacks a body and returns its size.
    ///
    /// - Parameter wraps: begin again at the start of `output` where it is full, to learn the size of a larger body.
    private static func inflate(
        _ body: [UInt8], into output: UnsafeMutableBufferPointer<UInt8>, wraps: Bool, limit: Int
    ) throws(Failure) -> Int {
        var stream = z_stream()
        // 15 bits of window, and 32 to recognise gzip and zlib by their headers.
        guard relay_inflate_init(&stream, 15 + 32) == Z_OK else { throw .damaged }
        defer { inflateEnd(&stream) }
        return try body.withUnsafeBufferPointer { (input) throws(Failure) in
            // zlib only reads there; its interface is older than const.
            stream.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
            stream.avail_in = UInt32(clamping: input.count)
            let isGzip = isGzip(input[...])
            var size = 0
            var used = 0
            while true {
                if wraps, used == output.count { used = 0 }
                // Without room zlib still reads to the end of the stream: there is nothing more to write.
                stream.next_out = output.baseAddress.map { $0 + used }
                stream.avail_out = UInt32(clamping: output.count - used)
                let before = stream.avail_out
                let code = CZlib.inflate(&stream, Z_NO_FLUSH)
                size += Int(before - stream.avail_out)
                used += Int(before - stream.avail_out)
                if size > limit { throw .tooLarge }
                if code == Z_STREAM_END {
                    if stream.avail_in == 0 { return size }
                    // Only another member may follow; anything else is not what a sender of one body means.
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

/// The metrics of accepted webhooks, looked up once for the same reason as `Intake`'s.
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
