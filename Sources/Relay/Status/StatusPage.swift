import Alerts
import Journaling

/// The status page. `html` reads lists from the journal, so it must not be called on the loop.
struct StatusPage {
    private let status: DeliveryStatus
    private let fields: FormFields
    private let zone: DisplayZone
    /// The token of the forms that change something; nil if the client may not.
    private let token: String?
    private let lists: PageLists

    init(
        _ status: DeliveryStatus, _ fields: FormFields, _ reader: StatusReader, zone: DisplayZone, token: String?
    ) {
        self.status = status
        self.fields = fields
        self.zone = zone
        self.token = token
        lists = PageLists(fields: fields, reader: reader, now: status.at, zone: zone, token: token)
    }

    var html: String {
        PageText.document(
            title: status.level == .good ? "relay" : "relay: \(status.headline)", isLive: true,
            body: """
                <header class="top">
                <h1>relay</h1>
                <p class="quiet">\(Version.current)</p>
                </header>
                <main>
                \(notice)\(headline)
                <section aria-labelledby="h-rooms"><h2 id="h-rooms">Rooms</h2>\(rooms)</section>
                <section aria-labelledby="h-hour"><h2 id="h-hour">Last hour</h2>\(chart)</section>
                \(lists.letters)
                \(lists.history)
                \(PreviewPage.form(text: "", action: "api/v1/render"))
                </main>
                <footer><p id="refresh" role="status"></p>
                <p>As JSON: <a href="api/v1/status">status</a>, \
                <a href="api/v1/history">history</a>, \
                <a href="api/v1/dead-letters">dead letters</a></p></footer>
                """)
    }

    /// What a form did. Only known words are shown: a link could contain any.
    private var notice: String {
        switch fields["done"] {
        case "replayed": "<p class=\"notice\" role=\"status\">The dead letter is queued for delivery again.</p>\n"
        case "dropped": "<p class=\"notice\" role=\"status\">The dead letter is deleted.</p>\n"
        default: ""
        }
    }

    private var headline: String {
        var more: [String] = []
        if status.isDraining { more.append("The relay is shutting down.") }
        if !status.refusedSeverities.isEmpty {
            let names = status.refusedSeverities.map(\.rawValue).joined(separator: ", ")
            more.append("The journal is nearly full: webhooks of these severities are refused: \(names).")
        }
        if let degraded = status.degraded { more.append("The spool needs attention: \(degraded)") }
        let lines = more.map { "<p>\(PageText.line($0))</p>" }.joined()
        return """
            <div id="headline" data-live class="headline \(status.level.rawValue)" role="status">\
            <p class="sentence">\(PageText.line(status.headline))</p>\(lines)\
            <p class="quiet">As of \(PageText.clock(status.at, status.at, zone)).</p></div>
            """
    }

    // MARK: Rooms

    private var rooms: String {
        let head = ["Room", "State", "Waiting", "Budget", "Last delivered", "Last answer"]
        let cells = head.map { "<th scope=\"col\">\($0)</th>" }.joined()
        return """
            <table id="rooms" data-live class="list"><thead><tr>\(cells)</tr></thead>
            \(status.rooms.map(row).joined())</table>
            """
    }

    private func row(_ room: RoomStatus) -> String {
        let integration = room.hook.map { "<div class=\"quiet\">\(PageText.line($0.integration))</div>" } ?? ""
        let borrowed = room.borrowed.map {
            "<div class=\"quiet\">no hook of its own: goes to \(PageText.line($0))</div>"
        }
        let cells = [
            ("State", state(room)), ("Waiting", waiting(room)), ("Budget", budget(room)),
            ("Last delivered", delivered(room)), ("Last answer", answer(room)),
        ].map { "<td data-label=\"\($0)\"><div>\($1)</div></td>" }.joined()
        let kind = room.isReceiver ? "<span class=\"quiet\">receiver</span> " : ""
        return """
            <tbody><tr><th scope="row">\(kind)\(PageText.line(room.name))\(borrowed ?? integration)</th>\(cells)</tr>
            \(notes(room))</tbody>

            """
    }

    private func state(_ room: RoomStatus) -> String {
        guard let state = room.state else { return "unknown" }
        let kind = state.isFailure ? "bad" : state == .working ? "good" : "busy"
        return PageText.badge(state.rawValue, kind)
            + (room.fallback.map { " \(PageText.badge("goes to \($0)", "busy"))" } ?? "")
    }

    private func waiting(_ room: RoomStatus) -> String {
        let letters = room.deadLetters > 0 ? "<div>\(status.counted(room.deadLetters, "dead letter"))</div>" : ""
        guard room.waiting > 0 else { return "none" + letters }
        let oldest = room.oldest.map { ", oldest \(PageText.ago($0, status.at, zone))" } ?? ""
        return "<b>\(room.waiting)</b>\(oldest)\(letters)"
    }

    private func budget(_ room: RoomStatus) -> String {
        guard let hook = room.hook, let limit = hook.limit, let left = hook.postsLeft else { return "no limit" }
        let next = hook.nextPost.map { ", next in \(max(.seconds(1), $0.since(status.at)).humanized)" } ?? ""
        return "\(left) now, \(PageText.line(limit))\(left == 0 ? next : "")"
    }

    private func delivered(_ room: RoomStatus) -> String {
        guard let time = room.lastDelivered else { return "not since the start" }
        return PageText.ago(time, status.at, zone) + (room.lastDeliveredTo.map { ", to \(PageText.line($0))" } ?? "")
    }

    private func answer(_ room: RoomStatus) -> String {
        guard let answer = room.answer else { return "none yet" }
        return "\(PageText.line(answer.text)), \(PageText.ago(answer.at, status.at, zone))"
    }

    private func notes(_ room: RoomStatus) -> String {
        let notes = [room.reason(at: status.at), room.answer?.advice.map { "What to do: \($0)" }].compactMap(\.self)
        if notes.isEmpty { return "" }
        let lines = notes.map { "<p>\(PageText.line($0, limit: 600))</p>" }.joined()
        return "<tr class=\"note\"><td colspan=\"6\">\(lines)</td></tr>"
    }

    // MARK: Chart

    private var chart: String {
        let series = [
            StatusChart(name: "Alerts accepted", kind: "accepted", values: status.activity.map(\.accepted)),
            StatusChart(name: "Messages posted", kind: "posts", values: status.activity.map(\.posts)),
            StatusChart(name: "Alerts folded into digests", kind: "folded", values: status.activity.map(\.folded)),
        ]
        return "<div id=\"hour\" data-live class=\"charts\">\(series.map(\.html).joined())</div>"
    }
}

/// A series of the last minutes as bars, each with its height relative to the highest.
struct StatusChart {
    var name: String
    /// The class for the color.
    var kind: String
    /// One value a minute, oldest first.
    var values: [Int]

    private static let (step, height) = (6, 40)

    var html: String {
        let (sum, most) = (values.reduce(0, +), values.max() ?? 0)
        let caption = "\(name): \(sum)" + (most > 0 ? ", at most \(most) a minute" : "")
        let width = max(1, values.count) * Self.step
        let bars = values.enumerated().compactMap { index, value -> String? in
            guard value > 0 else { return nil }
            // A value that is not zero is visible.
            let height = max(1, Int((Double(value) / Double(most) * Double(Self.height)).rounded()))
            let x = index * Self.step
            return "<rect x=\"\(x)\" y=\"\(Self.height - height)\" width=\"\(Self.step - 1)\" height=\"\(height)\"/>"
        }
        return """
            <figure><figcaption>\(caption)</figcaption><svg class="chart \(kind)" role="img" aria-label="\(caption)" \
            viewBox="0 0 \(width) \(Self.height)" preserveAspectRatio="none">\
            <rect class="ground" x="0" y="0" width="\(width)" height="\(Self.height)"/>\(bars.joined())</svg>\
            <p class="axis"><span>60 minutes ago</span><span>now</span></p></figure>
            """
    }
}
