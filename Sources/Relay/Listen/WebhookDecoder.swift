import Alerts
import CSimdjson

/// Decodes a webhook body: decompresses it, validates it and splits it by destination.
///
/// May be used by any number of threads at once: each call has its own buffers. A call blocks until the body is
/// decoded, so large bodies are decoded off the loop.
struct WebhookDecoder: Sendable {
    let severities: SeverityMap
    let router: AlertRouter
    /// The maximum size of a decompressed body in bytes.
    let bodyLimit: Int
    /// Whether a body has crashed the process too often.
    var isPoison: @Sendable ([UInt8]) -> Bool = { _ in false }
    var watchdogs = WatchdogMatcher()

    enum Failure: Error, Equatable {
        case coding(ContentCoding.Failure)
        case parse(ParseError)
        /// Not parsed. Has the decompressed body.
        case poison([UInt8])
    }

    func makeParser() -> WebhookParser {
        WebhookParser(severities: severities, router: router, watchdogs: watchdogs)
    }

    /// - Parameter parser: created by `makeParser` and used by no other thread; nil to create one.
    func read(
        _ sent: consuming [UInt8], coding: ContentCoding, acceptedAt: Timestamp, by parser: WebhookParser? = nil
    ) throws(Failure) -> AlertBatch {
        let body: [UInt8]
        do {
            body = try coding.decode(consume sent, limit: bodyLimit)
        } catch {
            throw .coding(error)
        }
        if isPoison(body) { throw .poison(body) }
        do {
            return try CrashRecorder.during(body) { () throws(ParseError) in
                FaultPoint.parse.reach(body)
                return try (parser ?? makeParser()).parse(body, acceptedAt: acceptedAt)
            }
        } catch {
            throw .parse(error)
        }
    }
}
