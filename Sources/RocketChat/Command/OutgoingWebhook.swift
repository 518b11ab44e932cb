package import Support

/// A message that Rocket.Chat passes on by an outgoing webhook (docs/CHATOPS.md).
package struct OutgoingWebhook: Sendable, Equatable {
    /// Why a body is not one of an outgoing webhook.
    package enum Invalid: Error, Equatable, CustomStringConvertible {
        case notJSON
        case missing(String)

        package var description: String {
            switch self {
            case .notJSON: "the body is not a JSON object"
            case .missing(let field): "the body has no \(field), so it is not from an outgoing webhook of Rocket.Chat"
            }
        }
    }

    /// The only proof that Rocket.Chat sent the message. It must be compared before anything else is used.
    package var token: Secret
    /// Whether an integration or a bot wrote the message; its own answers are such messages too.
    package var isFromBot: Bool
    package var isEdited: Bool
    package var channelID: String
    /// Empty for a direct message.
    package var channelName: String
    package var messageID: String
    /// The first message of the thread that the message is in.
    package var threadID: String?
    /// The name of the account, also where the room shows an alias.
    package var userName: String
    package var text: String
    /// The address of the Rocket.Chat server, as its administrator wrote it.
    package var siteURL: String?

    package init(_ body: [UInt8]) throws(Invalid) {
        guard let json = ResponseJSON(body), case .object = json else { throw .notJSON }
        func field(_ name: String) throws(Invalid) -> String {
            guard let text = json[name]?.text, !text.isEmpty else { throw .missing(name) }
            return text
        }
        token = Secret(try field("token"))
        // An object for an integration's message, true for a bot's.
        isFromBot = json["bot"] != .bool(false)
        isEdited = json["isEdited"].map { $0 != .bool(false) } ?? false
        channelID = try field("channel_id")
        channelName = json["channel_name"]?.text ?? ""
        messageID = try field("message_id")
        threadID = json["tmid"]?.text.flatMap { $0.isEmpty ? nil : $0 }
        userName = try field("user_name")
        text = try field("text")
        siteURL = json["siteUrl"]?.text
    }

    /// The address of the message in the web client. Nil if `site` is not a URL with http or https.
    ///
    /// - Parameter site: replaces the address that the body states.
    package func link(site: String? = nil) -> String? {
        guard let base = (site ?? siteURL).flatMap({ SafeURL($0, limit: 500)?.string }) else { return nil }
        let room = channelName.isEmpty ? channelID : channelName
        return AlertmanagerPage.root(base) + "/channel/" + SafeURL.encodedComponent(Array(room.utf8)) + "?msg="
            + SafeURL.encodedComponent(Array(messageID.utf8))
    }

    // MARK: Answers

    /// The response that posts nothing. An empty body would count as a failure.
    package static let noAnswer = Array("{}".utf8)

    /// The response that posts a text in the message's thread. It has no `channel`, which would redirect the text.
    ///
    /// - Parameter text: escaped, and within the size limit of messages.
    package func answer(_ text: String) -> [UInt8] {
        var writer = JSONWriter()
        writer.object { writer in
            writer.key("text")
            writer.string(text)
            writer.key("tmid")
            writer.string(threadID ?? messageID)
            // Otherwise the server fetches every link.
            writer.key("parseUrls")
            writer.bool(false)
        }
        return writer.bytes
    }
}
