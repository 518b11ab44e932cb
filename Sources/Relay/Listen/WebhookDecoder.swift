import Alerts
import CSimdjson
import Journaling
import RocketChat

/// Reads a webhook's body as it was sent: unpacks it, checks it and splits it by destination.
///
/// A value that any number of threads may use at once; each call has buffers of its own and gives them back. It blocks
/// for as long as the body takes, so that large bodies are read off the loop.
struct WebhookDecoder: Sendable {
    let severities: SeverityMap
    let router: AlertRouter
    /// The bytes that an unpacked body may have.
    let bodyLimit: Int
    /// Whether a body has crashed the process too often to be parsed again.
    var isPoison: @Sendable ([UInt8]) -> Bool = { _ in false }

    enum Failure: Error, Equatable {
        case coding(ContentCoding.Failure)
        case parse(ParseError)
        /// Not parsed; the body is unpacked.
        case poison([UInt8])
    }

    func makeParser() -> WebhookParser { WebhookParser(severities: severities, router: router) }

    /// - Parameter parser: one of `makeParser` that no other thread uses; nil to make one.
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
