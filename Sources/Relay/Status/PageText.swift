import Alerts
import ChatMarkup
import Support

/// Pieces of the HTML of the status page. Every text is escaped here.
enum PageText {
    /// An untrusted text on one line, without characters that reorder or hide what is around it.
    static func line(_ text: String, limit: Int = 300) -> String {
        let clean = SanitizedText(text, keepsLines: false, limit: limit)
        let line = String(String.UnicodeScalarView(clean.scalars)) + (clean.isCut ? "…" : "")
        return HTMLText.escaped(line)
    }

    /// A text as it was sent, in a `textarea`. Its first line break would be dropped.
    static func area(_ text: String) -> String { "\n" + HTMLText.escaped(text) }

    /// A time with its distance from now: `3 m ago`.
    static func ago(_ time: Timestamp, _ now: Timestamp, _ zone: DisplayZone) -> String {
        element(time, zone, max(.zero, now.since(time)).humanized + " ago")
    }

    /// A time of the day.
    static func clock(_ time: Timestamp, _ now: Timestamp, _ zone: DisplayZone) -> String {
        element(time, zone, zone.recent(time, now: now))
    }

    private static func element(_ time: Timestamp, _ zone: DisplayZone, _ text: String) -> String {
        let full = HTMLText.escaped(zone.moment(time))
        return "<time datetime=\"\(time.rfc3339)\" title=\"\(full)\">\(HTMLText.escaped(text))</time>"
    }

    static func badge(_ text: String, _ kind: String) -> String { "<span class=\"badge \(kind)\">\(line(text))</span>" }

    /// A whole page.
    ///
    /// - Parameters:
    ///   - base: the path from the page's address to the root of the relay, such as `../../`.
    ///   - isLive: the script refreshes the page.
    static func document(title: String, base: String = "./", isLive: Bool = false, body: String) -> String {
        let script = isLive ? "\n<script src=\"\(base)status.js\" defer></script>" : ""
        return """
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="color-scheme" content="light dark">
            <title>\(HTMLText.escaped(title))</title>
            <link rel="icon" href="data:,">
            <link rel="stylesheet" href="\(base)status.css">\(script)
            </head>
            <body class="status">
            \(body)
            </body>
            </html>

            """
    }
}
