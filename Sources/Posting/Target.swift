package import Alerts
package import DeliveryCore

/// A kind of chat server: renders request bodies for one room and classifies the server's responses.
///
/// The journal, the delivery machine and the queues know targets by this protocol only. Implementations are values
/// without I/O; `CurlDeliverer` posts the bodies to the hook.
package protocol Target: Sendable {
    /// Renders a batch into request bodies, in the order in which to post them. Returns at least one body.
    func render(_ batch: RenderBatch) -> RenderedBatch

    /// Describes the alerts of a resolved group in one line for `followUp`.
    func subject(of alerts: [Alert]) -> String

    /// Renders one message: these groups were resolved, but their resolves went to another room.
    ///
    /// - Parameters:
    ///   - subjects: texts of `subject(of:)`, as far as they are known.
    ///   - count: the number of resolved groups.
    ///   - channel: as for a batch.
    func followUp(_ subjects: [String], count: Int, channel: String?) -> [UInt8]

    /// Draws a request body as HTML, as the room shows it. All text is escaped.
    func html(of body: [UInt8], in room: String) -> String

    /// Classifies the result of a post.
    ///
    /// - Parameter now: the wall clock. It replaces the server's clock if the response has no `Date`.
    func classify(_ result: DeliveryResult, now: Timestamp) -> PostReport

    /// What an operator can do about an outcome; one sentence.
    func advice(for outcome: DeliveryOutcome) -> String
}

/// The input of `Target.render`.
package struct RenderBatch: Sendable {
    package enum Content: Sendable {
        case single(Payload)
        case fold(Digest)
    }

    /// The thread in which the room shows a batch.
    package enum Thread: Sendable, Equatable {
        case none
        /// The messages may start a thread: the server should return the ID of the first one.
        case start
        /// The messages are repeated in the thread of the message with this ID.
        case reply(String)
    }

    package var content: Content
    package var form: Form
    package var severity: Severity
    package var banner: MessageBanner
    /// How often Alertmanager has repeated the unchanged state of the group, this time included; 0 for the first
    /// notification. Nil if unknown, for a fold and for a replayed notification. It means nothing for a resolve.
    package var repeats: Int?
    package var thread: Thread
    /// The ID of the first notification. A notice names it.
    package var firstID: String
    /// Users and groups that the first message mentions, each with its `@`; a notice mentions nobody.
    package var mentions: [String] = []
    /// The room or user to post to, as `#room` or `@user`; nil for the hook's own room. A notice goes to that.
    package var channel: String?
    package var now: Timestamp

    package init(
        _ content: Content, form: Form = .full, severity: Severity, banner: MessageBanner = MessageBanner(),
        repeats: Int? = nil, thread: Thread = .none, firstID: String = "", now: Timestamp
    ) {
        self.content = content
        self.form = form
        self.severity = severity
        self.banner = banner
        self.repeats = repeats
        self.thread = thread
        self.firstID = firstID
        self.now = now
    }
}

/// Request bodies. The last `copies` are copies in a thread.
package struct RenderedBatch: Sendable {
    package var bodies: [[UInt8]]
    package var copies: Int
    /// The templates that could not be used for it.
    package var faults: Set<RenderFault>

    package init(bodies: [[UInt8]], copies: Int = 0, faults: Set<RenderFault> = []) {
        self.bodies = bodies
        self.copies = copies
        self.faults = faults
    }
}

/// A part of a message that has its built-in form because its template failed.
package struct RenderFault: Sendable, Hashable {
    /// The key of the template, and the reason as in metrics: both from fixed sets of words.
    package var part: String
    package var reason: String

    package init(part: String, reason: String) {
        self.part = part
        self.reason = reason
    }
}

/// What a message states about its own delivery.
package struct MessageBanner: Sendable, Equatable {
    /// Why a message is posted to another room than its own.
    package enum Reroute: Sendable, Equatable {
        case hookDoesNotWork
        case roomRefusesIt
    }

    /// The severity or receiver whose room the message was for; nil if it is posted there.
    package var rerouted: String?
    package var reroute = Reroute.hookDoesNotWork
    /// When the notification was accepted; nil unless it was requeued from the dead letters.
    package var replayed: Timestamp?
    /// Alerts that were firing at that time are shown as resolved, and none is shown as firing. The room was shown since
    /// that they are resolved. False unless `replayed` is set.
    package var isOver = false
    /// The message is a test of the hook by `relay send-test`.
    package var isTest = false

    package init(
        rerouted: String? = nil, reroute: Reroute = Reroute.hookDoesNotWork, replayed: Timestamp? = nil,
        isOver: Bool = false, isTest: Bool = false
    ) {
        self.rerouted = rerouted
        self.reroute = reroute
        self.replayed = replayed
        self.isOver = isOver
        self.isTest = isTest
    }
}
