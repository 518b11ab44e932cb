/// An answer with its body read.
struct Evidence {
    let answer: HTTPAnswer
    private let json: AnswerJSON?

    init(_ answer: HTTPAnswer) {
        self.answer = answer
        json = answer.isBodyCut ? nil : AnswerJSON(answer.body, keeping: Self.fields)
    }

    private static let fields: Set = ["success", "status", "error", "message", "responses", "channel", "_id"]

    /// Rocket.Chat itself speaks, and not a proxy, a firewall or another server: its errors are objects that say so, in
    /// one of two forms (contract section 1.5).
    var isRocketChats: Bool {
        if case .bool? = json?["success"] { return true }
        return json?["status"]?.text == "error" && json?["message"]?.text != nil
    }

    var isSuccess: Bool { (200...299).contains(answer.status) && json?["success"] == .bool(true) }

    /// Begins as a JSON object does and does not end as one.
    var isBrokenObject: Bool {
        let passedOver: [UInt8] = [0x20, 0x0A, 0x0D, 0x09, 0xEF, 0xBB, 0xBF]
        return json == nil && answer.body.first { !passedOver.contains($0) } == UInt8(ascii: "{")
    }

    /// The error text of a refusal; where several rooms refused, the first one's.
    var error: String? {
        guard case .object = json, !isSuccess else { return nil }
        return json?["error"]?.text ?? json?["message"]?.text ?? receipt.refused.first?.error
    }

    /// A disabled integration: a JSON string up to 7.6, an object since (contract section 1.5). A proxy's 503 is
    /// neither.
    var saysDisabled: Bool {
        json?.text == "Service Unavailable" || (json?["success"] == .bool(false) && error == "Service Unavailable")
    }

    /// The 500 of Rocket.Chat's newer router, which may mean a wrong id or token.
    var isBareInternalError: Bool {
        String(decoding: answer.body.prefix(64), as: UTF8.self) == "Internal Server Error"
    }

    /// What `separateResponse` told of each room (contract section 1.4).
    var receipt: DeliveryReceipt {
        guard case .array(let rooms) = json?["responses"] else { return DeliveryReceipt() }
        return rooms.reduce(into: DeliveryReceipt()) { receipt, room in
            let channel = room["channel"]?.text
            if let error = room["error"]?.text {
                receipt.refused.append(.init(channel: channel, error: error))
            } else if let id = room["message"]?["_id"]?.text {
                receipt.posted.append(.init(channel: channel, messageID: id))
            }
        }
    }
}
