import Alerts
import Journaling

/// The lists of the status page: dead letters, and the history with its search.
struct PageLists {
    let fields: FormFields
    let reader: StatusReader
    let now: Timestamp
    let zone: DisplayZone
    let token: String?

    private func problem(_ text: String) -> String { "<p class=\"problem\">\(PageText.line(text))</p>" }

    // MARK: Dead letters

    var letters: String {
        """
        <section id="dead-letters" data-live aria-labelledby="h-letters"><h2 id="h-letters">Dead letters</h2>\
        \(letterList)</section>
        """
    }

    private var letterList: String {
        do throws(JournalRefusal) {
            let page = try reader.letters(after: fields["after"].flatMap { JournalID($0) })
            if page.letters.isEmpty { return "<p>None: nothing was given up.</p>" }
            let next = page.next.map { "<p><a href=\"?after=\($0)#dead-letters\">More dead letters</a></p>" } ?? ""
            let hint =
                token == nil ? "<p class=\"quiet\"><a href=\"?sign-in\">Sign in</a> to replay or drop them.</p>" : ""
            return "\(hint)<ul class=\"cards\">\(page.letters.map { letter($0, page) }.joined())</ul>\(next)"
        } catch {
            return problem("Dead letters cannot be read now: \(error.explanation)")
        }
    }

    private func letter(_ listed: DeadLetterSummary, _ page: StatusReader.Letters) -> String {
        let letter = listed.letter
        let room =
            page.receivers[letter.destination.receiver].map { "\($0), \(letter.severity.rawValue)" }
            ?? letter.severity.rawValue
        let answer = letter.answer.map { "<p>Last answer: \(PageText.line($0))</p>" } ?? ""
        return """
            <li><p><b>\(PageText.line(listed.summary))</b> \(PageText.badge(letter.reason.rawValue, "bad"))</p>
            <p>For \(PageText.line(room)), accepted \(PageText.clock(letter.acceptedAt, now, zone)), given up \
            \(PageText.ago(letter.diedAt, now, zone)) after \(letter.attempts) attempts, id \(letter.id).</p>\(answer)\
            \(actions(letter.id, of: listed.summary))</li>

            """
    }

    private func actions(_ id: JournalID, of name: String) -> String {
        guard let token else { return "" }
        let name = PageText.line(name, limit: 60)
        let form = { (action: String, label: String, kind: String) in
            """
            <form method="post" action="api/v1/dead-letters"><input type="hidden" name="token" value="\(token)">\
            <input type="hidden" name="id" value="\(id)">\
            <button name="action" value="\(action)" class="\(kind)" aria-label="\(label) \(name)">\(label)</button></form>
            """
        }
        return """
            <div class="actions">\(form("replay", "Replay", ""))\
            <details><summary>Drop…</summary>\(form("drop", "Delete permanently", "danger"))</details></div>
            """
    }

    // MARK: History

    var history: String {
        """
        <section aria-labelledby="h-history"><h2 id="h-history">History</h2>\(search)
        <div id="history" data-live>\(entries)</div></section>
        """
    }

    private var search: String {
        let text = { (name: String, label: String, hint: String) in
            """
            <label>\(label) <input name="\(name)" value="\(PageText.line(fields[name] ?? "", limit: 200))" \
            placeholder="\(hint)" maxlength="200"></label>
            """
        }
        let choice = { (name: String, label: String, values: [String]) in
            let options = values.map { value in
                "<option\(fields[name] == value ? " selected" : "") value=\"\(value)\">\(value)</option>"
            }
            return
                "<label>\(label) <select name=\"\(name)\"><option value=\"\">any</option>\(options.joined())</select></label>"
        }
        return """
            <form method="get" action="./#h-history" class="search" role="search">\
            \(text("q", "Search", "alert, room, outcome or id"))\(text("room", "Room", ""))\
            \(choice("outcome", "Outcome", HistoryEntry.Outcome.allCases.map(\.rawValue)))\
            \(choice("status", "Status", ["firing", "resolved"]))\(text("since", "Since", "2h"))\
            <button>Search</button> <a href="./#h-history">Reset</a></form>
            """
    }

    private var entries: String {
        let form = HistoryForm(fields: fields)
        let query: HistoryQuery
        do throws(ControlError) {
            query = try form.query(limit: StatusReader.entryLimit, now: now)
        } catch {
            return problem(error.description)
        }
        do throws(JournalRefusal) {
            let page = try reader.history(query)
            if page.entries.isEmpty { return "<p>No entry matches.</p>" }
            let head = ["Ended", "Outcome", "Alerts", "Room", "Details"].map { "<th scope=\"col\">\($0)</th>" }
            let next = page.next.map { "<p><a href=\"?\(form.next($0))#h-history\">Older entries</a></p>" } ?? ""
            return """
                <table class="list"><thead><tr>\(head.joined())</tr></thead><tbody>
                \(page.entries.map { row($0) }.joined())</tbody></table>\(next)
                """
        } catch {
            return problem("The history cannot be read now: \(error.explanation)")
        }
    }

    private func row(_ entry: HistoryEntry) -> String {
        let kind =
            switch entry.outcome {
            case .delivered: "good"
            case .duplicate, .expired, .replayed: "busy"
            case .deadLetter, .dropped: "bad"
            }
        let cells = [
            ("Ended", PageText.clock(entry.endedAt, now, zone)),
            ("Outcome", PageText.badge(entry.outcome.rawValue, kind)),
            ("Alerts", alerts(entry)), ("Room", room(entry)), ("Details", details(entry)),
        ]
        return "<tr>\(cells.map { "<td data-label=\"\($0)\"><div>\($1)</div></td>" }.joined())</tr>\n"
    }

    private func alerts(_ entry: HistoryEntry) -> String {
        var names = entry.alerts.map { $0.name.isEmpty ? "(no name)" : $0.name }
        names = names.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
        let shown = names.prefix(3).map { PageText.line($0, limit: 80) }.joined(separator: ", ")
        let count = entry.alerts.count + entry.omittedAlerts
        let more = names.count > 3 || count > names.count ? ", \(count) alerts" : ""
        return
            "\(shown.isEmpty ? "unknown" : shown)\(more) <span class=\"quiet\">\(entry.isFiring ? "firing" : "resolved")</span>"
    }

    private func room(_ entry: HistoryEntry) -> String {
        let severity = entry.destination.severity.rawValue
        guard let room = entry.room else { return "for \(reader.receivers[entry.destination.receiver] ?? severity)" }
        return PageText.line(room) + (entry.isRerouted ? " <span class=\"quiet\">rerouted</span>" : "")
    }

    private func details(_ entry: HistoryEntry) -> String {
        var parts = ["after \(max(.zero, entry.endedAt.since(entry.acceptedAt)).humanized)"]
        if entry.attempts > 1 { parts.append("\(entry.attempts) attempts") }
        if entry.foldedWith > 0 { parts.append("in one message with \(entry.foldedWith) others") }
        if entry.count > 1 { parts.append("\(entry.count) times") }
        if entry.id.rawValue > 0 { parts.append("id \(entry.id)") }
        return parts.joined(separator: ", ") + (entry.detail.map { "<div>\(PageText.line($0))</div>" } ?? "")
    }
}
