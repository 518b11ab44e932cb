/// One post to a Rocket.Chat incoming webhook (`contracts/rocketchat.md` section 3).
struct Message: Sendable, Equatable {
    /// What the room's line and a phone's notification show; the only part that can ping or exceed the size limit.
    var text: String
    var attachments: [Attachment] = []
    /// The avatar as a short name, `:fire:`; the room's own when nil.
    var emoji: String?
    /// The name that it is shown under; the hook's own when nil.
    var alias: String?
    /// The message whose thread it goes to, and nowhere else (section 4).
    var threadID: String?
    /// Asks for the id of the message; servers before 7.9 pass it over.
    var wantsID = false

    /// A coloured block below the text. Nested because the testing library has an `Attachment` too.
    struct Attachment: Sendable, Equatable {
        /// `#RRGGBB`.
        var color: String
        var title: String
        /// A URL that begins with lower-case `http://` or `https://`: any other has the whole message refused.
        var titleLink: String?
        /// Never empty, since mobile clients parse the title in place of an empty text.
        var text: String
        var fields: [Field] = []
    }

    /// A label and its value, shown in an attachment's table.
    struct Field: Sendable, Equatable {
        /// Never empty: Rocket.Chat 8.0 refuses the whole message otherwise.
        var title: String
        /// Never empty, as for `title`.
        var value: String
        /// Two short fields stand side by side.
        var isShort: Bool
    }
}
