import Dispatch
import Libevent

/// Reads webhooks' bodies: small ones at once, on the loop; others on a queue of its own, one after the other.
///
/// A large body takes milliseconds, and a packed one may become large, so neither may hold up the loop. One at a time
/// bounds what reading takes beside the bodies themselves, which the listener's budget of memory bounds.
@LoopActor
final class WebhookReader {
    typealias Outcome = Result<AlertBatch, WebhookIntake.Failure>

    /// Bytes of a body that is read at once: about a hundred alerts, and well below a millisecond.
    private static let smallBody = 128 * 1024

    /// The next body is read by it.
    var intake: WebhookIntake {
        didSet { parser = intake.makeParser() }
    }
    private var parser: WebhookParser
    private let queue = DispatchQueue(label: "webhook-reader", qos: .userInitiated)

    init(_ intake: WebhookIntake) {
        self.intake = intake
        parser = intake.makeParser()
    }

    /// Calls back once: before it returns for a small body, later for others. By then the client may have gone.
    func read(
        _ sent: consuming [UInt8], coding: ContentCoding, acceptedAt: Timestamp,
        then done: @escaping @LoopActor @Sendable (Outcome) -> Void
    ) {
        let intake = intake
        if coding == .identity && sent.count <= Self.smallBody {
            return done(Self.outcome(of: sent, coding, acceptedAt, intake, parser))
        }
        // Not captured by the closure as it is: a parameter that is consumed cannot be.
        let body = sent
        queue.async { @Sendable in
            let outcome = Self.outcome(of: body, coding, acceptedAt, intake, nil)
            LoopActor.post { done(outcome) }
        }
    }

    private nonisolated static func outcome(
        of body: [UInt8], _ coding: ContentCoding, _ acceptedAt: Timestamp, _ intake: WebhookIntake,
        _ parser: WebhookParser?
    ) -> Outcome {
        Result { () throws(WebhookIntake.Failure) in
            try intake.read(body, coding: coding, acceptedAt: acceptedAt, by: parser)
        }
    }
}
