import Alerts
import Support

/// Writes a status as JSON, for the API and for `relay pending --json`. The keys are documented in docs/STATUS.md.
enum StatusJSON {
    static func bytes(_ status: DeliveryStatus) -> [UInt8] {
        var writer = JSONWriter()
        writer.object { writer in
            writer.member("at", status.at)
            writer.member("headline", status.headline)
            writer.member("level", status.level.rawValue)
            writer.member("running", status.isRunning)
            writer.member("draining", status.isDraining)
            writer.member("waiting", status.waiting)
            writer.member("oldest", status.oldest)
            writer.member("deadLetters", status.deadLetters)
            writer.member("refusal", status.refusal)
            writer.key("refusedSeverities")
            writer.array(status.refusedSeverities) { $0.string($1.rawValue) }
            writer.member("degraded", status.degraded)
            writer.key("rooms")
            writer.array(status.rooms) { write($1, at: status.at, to: &$0) }
            writer.key("activity")
            writer.array(status.activity) { writer, minute in
                writer.object { writer in
                    writer.member("accepted", minute.accepted)
                    writer.member("posts", minute.posts)
                    writer.member("folded", minute.folded)
                }
            }
        }
        return writer.bytes
    }

    private static func write(_ room: RoomStatus, at now: Timestamp, to writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("name", room.name)
            writer.member("kind", room.isReceiver ? "receiver" : "severity")
            writer.member("state", room.state?.rawValue)
            writer.member("waiting", room.waiting)
            writer.member("oldest", room.oldest)
            writer.member("reason", room.reason(at: now))
            writer.key("queues")
            writer.array(room.queues) { writer, queue in
                writer.object { writer in
                    writer.member("severity", queue.destination.severity.rawValue)
                    writer.member("waiting", queue.waiting)
                    writer.member("oldest", queue.oldest)
                }
            }
            writer.key("alerts")
            writer.array(room.alerts) { $0.string($1) }
            writer.member("deadLetters", room.deadLetters)
            writer.member("borrowed", room.borrowed)
            writer.member("fallback", room.fallback)
            writer.member("lastDelivered", room.lastDelivered)
            writer.member("lastDeliveredTo", room.lastDeliveredTo)
            write(room.hook, to: &writer)
            write(room.answer, to: &writer)
        }
    }

    private static func write(_ hook: RoomStatus.Hook?, to writer: inout JSONWriter) {
        writer.key("hook")
        guard let hook else { return writer.null() }
        writer.object { writer in
            writer.member("integration", hook.integration)
            writer.member("broken", hook.isBroken)
            writer.member("failingSince", hook.failingSince)
            writer.member("nextPost", hook.nextPost)
            writer.member("limit", hook.limit)
            writer.key("postsLeft")
            if let left = hook.postsLeft { writer.integer(left) } else { writer.null() }
            writer.member("followUps", hook.followUps)
        }
    }

    private static func write(_ answer: RoomStatus.Answer?, to writer: inout JSONWriter) {
        writer.key("answer")
        guard let answer else { return writer.null() }
        writer.object { writer in
            writer.member("at", answer.at)
            writer.member("text", answer.text)
            writer.member("advice", answer.advice)
        }
    }
}

extension JSONWriter {
    mutating func member(_ name: String, _ value: Timestamp?) { member(name, value?.rfc3339) }
}
