import Alerts
import Journaling
import Support

/// Answers `relay pending`: what waits for delivery, for which room, since when and why. Blocks, so it must not be called
/// on the loop.
struct PendingService<Ticket: Sendable>: ControlService {
    let journal: Journal<Ticket>
    /// The status of the running relay; nil if its loop does not answer. On a stopped relay's spool, what the journal
    /// knows.
    let status: @Sendable () -> DeliveryStatus?
    /// Whether a notification may have crashed the relay. Its body is not decoded.
    let isSuspect: @Sendable (JournalID) -> Bool

    static var name: String { "pending" }
    static var request: ControlRequest { ControlRequest(service: name, verb: "list") }

    /// The first notifications of each queue whose alerts are named, and the limit of their bodies in bytes.
    private static var sample: (notifications: Int, bytes: Int) { (5, 256 << 10) }
    private static var nameLimit: Int { 10 }

    func execute(_ request: ControlRequest) -> ControlReply? {
        guard request.verb == Self.request.verb, request.body.trimmed.isEmpty else { return nil }
        guard var status = status() else {
            return ControlReply(output: "", problems: ["the relay runs, but does not answer now; see its log"])
        }
        let parser = WebhookParser()
        for index in status.rooms.indices where status.rooms[index].waiting > 0 {
            status.rooms[index].alerts = names(of: status.rooms[index].queues, parser)
        }
        let json = String(decoding: StatusJSON.bytes(status), as: UTF8.self) + "\n"
        return ControlReply(output: request.asJSON ? json : PendingText.text(status))
    }

    private func names(of queues: [RoomStatus.Queue], _ parser: WebhookParser) -> [String] {
        var names: [String] = []
        for queue in queues where names.count < Self.nameLimit {
            let page = try? journal.load(
                queue.destination, after: nil, limit: Self.sample.notifications, byteLimit: Self.sample.bytes
            ).get()
            for notification in page?.notifications ?? [] where !isSuspect(notification.id) {
                let alerts = (try? parser.decode(notification.value.body).alerts) ?? []
                names = (names + alerts.map(\.displayName)).distinct
            }
        }
        return Array(names.prefix(Self.nameLimit))
    }
}

/// Formats what waits as text. Each room is a block, which is readable in a terminal of any width.
enum PendingText {
    static func text(_ status: DeliveryStatus) -> String {
        let rooms = status.rooms.filter { $0.waiting > 0 || $0.state?.isFailure == true || $0.fallback != nil }
        var text = rooms.isEmpty ? "Nothing waits for delivery.\n" : rooms.map { block($0, status) }.joined()
        if status.deadLetters > 0 {
            text += "\(status.counted(status.deadLetters, "dead letter")): relay dead-letters list\n"
        }
        if let refusal = status.refusal { text += "webhooks are refused: \(line(refusal))\n" }
        return text
    }

    private static func block(_ room: RoomStatus, _ status: DeliveryStatus) -> String {
        let state = room.state.map { " (\($0.rawValue))" } ?? ""
        let oldest = room.oldest.map { ", the oldest for \(max(.zero, status.at.since($0)).humanized)" } ?? ""
        let count = room.waiting > 0 ? status.counted(room.waiting, "notification") : "nothing"
        var lines = ["\(line(room.name))\(state): \(count) \(room.waiting > 1 ? "wait" : "waits")\(oldest)"]
        if !room.alerts.isEmpty { lines.append("  alerts: " + room.alerts.map { line($0) }.joined(separator: ", ")) }
        if let reason = room.reason(at: status.at) { lines.append("  why:    \(line(reason))") }
        if let answer = room.answer {
            let age = max(.zero, status.at.since(answer.at)).humanized
            lines.append("  answer: \(line(answer.text)) (\(age) ago)")
            if let advice = answer.advice { lines.append("  do:     \(line(advice))") }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// An untrusted text on one line.
    private static func line(_ text: String) -> String {
        let clean = SanitizedText(text, keepsLines: false, limit: 300)
        return String(String.UnicodeScalarView(clean.scalars)) + (clean.isCut ? "…" : "")
    }
}
