package import ChatMarkup

extension ChatMessage {
    /// A message as its room shows it. It is read from the request body, so that a drawing shows what is posted.
    package init(_ message: Message, room: String) { self.init(message.json(), room: room) }

    /// - Parameter body: a request body of this target.
    init(_ body: [UInt8], room: String) {
        let body = ResponseJSON(body) ?? .null
        self.init(
            room: room, sender: body["alias"]?.text ?? "Alertmanager", emoji: body["emoji"]?.text,
            text: body["text"]?.text ?? "", attachments: body["attachments"]?.elements.map(Attachment.init) ?? [])
    }
}

extension ChatMessage.Attachment {
    fileprivate init(_ body: ResponseJSON) {
        self.init(
            color: body["color"]?.text, title: body["title"]?.text, titleLink: body["title_link"]?.text,
            text: body["text"]?.text, imageURL: body["image_url"]?.text,
            fields: body["fields"]?.elements.map { field in
                ChatMessage.Field(
                    title: field["title"]?.text ?? "", value: field["value"]?.text ?? "",
                    isShort: field["short"] == .bool(true))
            } ?? [],
            buttons: body["actions"]?.elements.map { action in
                ChatMessage.Button(
                    text: action["text"]?.text ?? "", url: action["url"]?.text ?? "", command: action["msg"]?.text)
            } ?? [],
            isCollapsed: body["collapsed"] == .bool(true))
    }
}

extension ResponseJSON {
    fileprivate var elements: [ResponseJSON] {
        if case .array(let elements) = self { elements } else { [] }
    }
}
