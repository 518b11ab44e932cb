import CSimdjson

/// Reads a webhook's body as it was sent: unpacks it, checks it and splits it by destination.
///
/// A value that any number of threads may use at once; each call has buffers of its own and gives them back. It blocks
/// for as long as the body takes, so that large bodies are read off the loop.
struct WebhookIntake: Sendable {
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

/// How the program's allocator treats large buffers.
enum MemoryPolicy {
    /// Maps buffers of 256 KiB and more one by one, so that they go back to the system when they are freed. glibc would
    /// raise that bound to 32 MiB with the first such buffer that is freed, and keep what is below it.
    ///
    /// Called once, before there are threads.
    static func apply() {
        webhook_memory_map_from(256 * 1024)
    }
}

/// Why a webhook body is refused: the sender gets the message with a 400, the metric the reason.
struct ParseError: Error, Equatable {
    /// The values of `relay_payloads_rejected_total{reason}` that parsing gives.
    enum Reason: String, CaseIterable, Sendable {
        case empty
        case invalidUTF8
        case invalidJSON
        /// More than 64 arrays and objects inside one another.
        case tooDeep
        case notAnObject
        /// Neither `version` nor `alerts`: a templated `payload:` or something else altogether.
        case notAWebhook
        case wrongVersion
        case missingField
        case wrongType
        case wrongValue
        case duplicateName
        /// More than 65,536 alerts, or 524,288 labels and annotations.
        case tooMany
        /// What one webhook would leave on disk for all its destinations is more than `WebhookParser.partsLimit`.
        case tooManyCopies
        /// Not the sender's fault and no reason for a 400: the same body may pass later (503).
        case outOfMemory
    }

    var reason: Reason
    /// What is wrong and where, for a person, in one line; quotes only the beginning of a value.
    var message: String
}
