import ChatMarkup

/// The page that shows the messages as Rocket.Chat would. It polls `/messages` for new ones.
enum Page {
    static let html = """
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>mock-rocketchat</title>
        <link rel="icon" href="data:,">
        <style>
        \(ChatStyle.css)
        \(PageStyle.css)
        </style>
        </head>
        <body>
        <nav>
        <h1>mock-rocketchat</h1>
        <ul id="rooms"></ul>
        <p id="counts"></p>
        <button id="clear">Forget all messages</button>
        </nav>
        <main>
        <header id="room"></header>
        <div id="messages" role="log"><p class="empty">No message yet.</p></div>
        <form id="typing"><input id="line" aria-label="Message" placeholder="Type as you, such as !alerts" \
        autocomplete="off"></form>
        </main>
        <script>\(PageScript.code)</script>
        </body>
        </html>

        """
}
