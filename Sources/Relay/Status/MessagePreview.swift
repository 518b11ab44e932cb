import Alerts
import Posting

/// Renders a webhook body as the messages that `serve` would post for it now. Stores and posts nothing.
///
/// Decodes and renders, so it must not run on the loop.
struct MessagePreview: Sendable {
    struct Message: Sendable {
        var room: String
        /// The request body for the hook.
        var body: [UInt8]
        /// The drawn message.
        var html: String
    }

    let decoder: WebhookDecoder
    /// Where each destination's messages go first.
    let routes: [Destination: QueueSettings.Route]

    /// Throws an explanation for the user.
    func messages(for body: [UInt8], at now: Timestamp) throws(ControlError) -> [Message] {
        do throws(WebhookDecoder.Failure) {
            let parser = decoder.makeParser()
            let batch = try decoder.read(body, coding: .identity, acceptedAt: now, by: parser)
            var messages: [Message] = []
            for notification in batch.notifications {
                guard let route = routes[notification.destination],
                    let payload = try? parser.decode(notification.body)
                else { continue }
                let rendered = route.target.render(
                    RenderBatch(.single(payload), severity: notification.severity, now: now))
                messages += rendered.bodies.map { body in
                    Message(room: route.room, body: body, html: route.target.html(of: body, in: route.room))
                }
            }
            return messages
        } catch .parse(let error) {
            throw ControlError(description: error.message)
        } catch .poison {
            throw ControlError(description: "this body crashed the relay before, so it is not read")
        } catch {
            throw ControlError(description: "the body cannot be read")
        }
    }

    /// `{"messages":[{"room":…,"message":…}]}`, with each message as it would be posted.
    static func json(_ messages: [Message]) -> [UInt8] {
        let parts = messages.map { message in
            Array("{\"room\":\"\(message.room)\",\"message\":".utf8) + message.body + Array("}".utf8)
        }
        return Array("{\"messages\":[".utf8) + parts.joined(separator: [UInt8(ascii: ",")]) + Array("]}".utf8)
    }
}
