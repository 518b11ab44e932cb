/// A message to be drawn: the plain values of a post, as a room shows them.
package struct ChatMessage: Equatable, Sendable {
    /// The room's name, without `#`.
    package var room: String
    /// The displayed name of the sender.
    package var sender: String
    /// The avatar as a short name such as `:fire:`.
    package var emoji: String?
    /// The time of the day, as it shall be shown.
    package var time: String?
    /// What else is known about the message, such as its number. A page shows it when the pointer is on the time.
    package var details: String?
    package var text: String
    package var attachments: [Attachment]
    /// A reply in a thread, which the room does not show.
    package var isHidden: Bool

    package init(
        room: String, sender: String = "Alertmanager", emoji: String? = nil, time: String? = nil,
        details: String? = nil, text: String, attachments: [Attachment] = [], isHidden: Bool = false
    ) {
        self.room = room
        self.sender = sender
        self.emoji = emoji
        self.time = time
        self.details = details
        self.text = text
        self.attachments = attachments
        self.isHidden = isHidden
    }

    /// A colored block below the text.
    package struct Attachment: Equatable, Sendable {
        /// A CSS color; nil is the default.
        package var color: String?
        package var author: String?
        /// Text above the block.
        package var pretext: String?
        package var title: String?
        package var titleLink: String?
        package var text: String?
        /// A picture below the text.
        package var imageURL: String?
        package var fields: [Field]
        package var buttons: [Button]
        /// Folded to its title.
        package var isCollapsed: Bool

        package init(
            color: String? = nil, author: String? = nil, pretext: String? = nil, title: String? = nil,
            titleLink: String? = nil, text: String? = nil, imageURL: String? = nil, fields: [Field] = [],
            buttons: [Button] = [], isCollapsed: Bool = false
        ) {
            self.color = color
            self.author = author
            self.pretext = pretext
            self.title = title
            self.titleLink = titleLink
            self.text = text
            self.imageURL = imageURL
            self.fields = fields
            self.buttons = buttons
            self.isCollapsed = isCollapsed
        }
    }

    package struct Field: Equatable, Sendable {
        package var title: String
        package var value: String
        /// Two short fields share a row.
        package var isShort: Bool

        package init(title: String, value: String, isShort: Bool = false) {
            self.title = title
            self.value = value
            self.isShort = isShort
        }
    }

    package struct Button: Equatable, Sendable {
        package var text: String
        /// Empty if the button posts a command.
        package var url: String
        /// The text that is posted as the person who presses the button.
        package var command: String?

        package init(text: String, url: String, command: String? = nil) {
            self.text = text
            self.url = url
            self.command = command
        }
    }
}

/// Addresses that a drawing links. Others are shown, but lead nowhere.
enum LinkPolicy {
    /// An absolute URL with `http` or `https`; nil for any other. A bare domain gets `https`.
    static func address(_ url: String) -> String? {
        if url.hasPrefix("//") { return "https:" + url }
        let scheme = url.prefix { $0 != ":" }.lowercased()
        return (scheme == "http" || scheme == "https") && url.dropFirst(scheme.count).hasPrefix("://") ? url : nil
    }
}
