/// The page with the messages that a webhook body would become.
struct PreviewPage {
    private let text: String
    private let result: Result<[MessagePreview.Message], ControlError>

    init(text: String, _ result: Result<[MessagePreview.Message], ControlError>) {
        self.text = text
        self.result = result
    }

    var html: String {
        PageText.document(
            title: "relay: preview", base: "../../",
            body: """
                <header class="top"><h1>relay: preview</h1><p><a href="../../">Back to the status</a></p></header>
                <main>
                <section aria-labelledby="h-messages"><h2 id="h-messages">Messages</h2>
                \(messages)</section>
                \(Self.form(text: text, action: "render"))
                </main>
                """)
    }

    private var messages: String {
        switch result {
        case .failure(let error): return "<p class=\"problem\">\(PageText.line(error.description, limit: 600))</p>"
        case .success(let messages):
            if messages.isEmpty { return "<p>This body becomes no message.</p>" }
            return messages.map { message in
                """
                <section class="room"><h3># \(PageText.line(message.room))</h3>
                \(message.html)</section>
                """
            }.joined(separator: "\n")
        }
    }

    /// The form that sends a body to the preview.
    static func form(text: String, action: String) -> String {
        """
        <section aria-labelledby="h-preview"><h2 id="h-preview">Preview</h2>
        <form method="post" action="\(action)" class="preview">
        <label for="body">A webhook body as Alertmanager posts it. Nothing is stored or posted.</label>
        <textarea id="body" name="body" rows="8" spellcheck="false" required \
        placeholder="{&quot;version&quot;:&quot;4&quot;,&quot;alerts&quot;:[…]}">\(PageText.area(text))</textarea>
        <button>Show the messages</button></form></section>
        """
    }
}
