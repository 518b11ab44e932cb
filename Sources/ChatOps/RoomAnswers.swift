import Alerts
import RocketChat
import Support

/// The answers to commands as texts of a room. Everything that a person, an alert or Alertmanager wrote is escaped.
///
/// No answer begins with `!`, so that it triggers no outgoing webhook.
package struct RoomAnswers: Sendable {
    let zone: DisplayZone
    /// The most UTF-16 units of an answer.
    let limit: Int

    /// What a silence is for.
    enum Subject {
        case alert(Alert)
        /// `count`: the firing alerts that they select; nil if it is unknown.
        case matchers([LabelMatcher], count: Int?)
    }

    package static let help = """
        Commands:
        `!alerts` lists the firing alerts with their ids
        `!silence 2h 3f2a9c disk swap` silences the alert with this id; the words after it are a comment
        `!silence 2h alertname=X instance=~"web.*" disk swap` silences all alerts that match
        `!silences` lists the active silences
        `!unsilence 4dfefdc3` ends a silence
        Durations are `30m`, `2h`, `1d12h` or `1w`
        """

    /// The answer to a text that is no valid command, or to a person who may not use commands.
    package static func refusal(_ reason: String) -> String { RoomText.prose(reason, limit: 450) }

    // MARK: Silences

    func silenced(
        _ subject: Subject, by user: String, for duration: Duration, until end: Timestamp, id: String
    ) -> String {
        var what: String
        var effect = ""
        switch subject {
        case .alert(let alert): what = RoomText.description(of: alert)
        case .matchers(let matchers, let count):
            what = "alerts with " + list(matchers.map(\.description), limit: max(80, limit - 280))
            effect =
                switch count {
                case nil: ""
                case 0: "\nNo alert that fires now matches"
                case 1: "\n1 alert that fires now matches"
                case let count?: "\n\(count) alerts that fire now match"
                }
        }
        return "\(who(user)) silenced \(what) until \(zone.moment(end)) (\(duration.humanized))\(effect)\n"
            + "Undo: `!unsilence \(id.prefix(8))`"
    }

    func ended(_ silence: ReportedSilence, by user: String) -> String {
        "\(who(user)) ended the silence of \(list(silence.matchers, limit: max(80, limit - 280))) "
            + "set by \(RoomText.value(silence.createdBy, limit: 80))"
    }

    func list(_ silences: [ReportedSilence]) -> String {
        guard !silences.isEmpty else { return "No silence is active" }
        let ids = silences.map(\.id)
        let title = silences.count == 1 ? "1 active silence:" : "\(silences.count) active silences, newest first:"
        return lines(title, of: silences.count, silences.prefix(20).map { line($0, among: ids) })
    }

    func silences(withID id: String, _ found: [ReportedSilence], of silences: [ReportedSilence]) -> String {
        let quoted = RoomText.value(id, limit: 70)
        guard !found.isEmpty else { return "No active silence has the id \(quoted) ; `!silences` lists them" }
        let ids = silences.map(\.id)
        let title = "\(found.count) silences have an id that begins with \(quoted) ; write more of it:"
        return lines(title, of: found.count, found.prefix(5).map { line($0, among: ids) })
    }

    private func line(_ silence: ReportedSilence, among ids: [String]) -> String {
        var line = "`\(ShortID.shortest(silence.id, among: ids, from: 8))` \(list(silence.matchers, limit: 160))"
        if let end = silence.endsAt { line += " until \(zone.moment(end))" }
        line += " by \(RoomText.value(silence.createdBy, limit: 60))"
        let comment = RoomText.value(silence.comment, limit: 80)
        return comment.isEmpty ? line : line + " : " + comment
    }

    // MARK: Alerts

    func list(_ alerts: FiringAlerts, now: Timestamp) -> String {
        let silenced = alerts.suppressed == 0 ? "" : " (\(alerts.suppressed) more silenced or inhibited)"
        guard alerts.count > 0 else { return "No alert fires\(silenced)" }
        let title = alerts.count == 1 ? "1 alert fires\(silenced):" : "\(alerts.count) alerts fire\(silenced):"
        let shown = alerts.shown.map { alert in
            let severity = alert.labels.visible("severity").map { RoomText.value($0, limit: 40) + " " } ?? ""
            let start = alert.startsAt?.validated.map { " since \(zone.recent($0, now: now))" } ?? ""
            return "`\(alerts.shortID(of: alert))` \(severity)\(RoomText.description(of: alert))\(start)"
        }
        return lines(title, of: alerts.count, shown)
    }

    func alerts(withID id: String, _ found: CommandRunner.Found) -> String {
        let quoted = RoomText.value(id, limit: 40)
        guard found.count > 0 else {
            return "No firing alert has the id \(quoted) ; it may be resolved. `!alerts` lists those that fire"
        }
        let ids = found.alerts.map(\.fingerprint)
        let title = "\(found.count) alerts have an id that begins with \(quoted) ; write more of it:"
        let shown = found.alerts.map { reported in
            let id = ShortID.shortest(reported.fingerprint, among: ids, from: 6)
            return "`\(id)` \(RoomText.description(of: reported.alert))"
        }
        return lines(title, of: found.count, shown)
    }

    // MARK: Failures

    /// - Parameter changes: whether the command would have changed something.
    func failure(_ failure: AlertmanagerFailure, changes: Bool) -> String {
        let unchanged = changes ? "; nothing was changed" : ""
        switch failure {
        case .unreachable: return "Alertmanager cannot be reached\(unchanged)"
        case .certificate:
            return "Alertmanager's certificate is not accepted\(unchanged). The relay's log has the reason"
        case .timeout: return "Alertmanager does not answer in time\(unchanged)"
        case .unknownResult:
            return "Alertmanager's answer was lost. It may have carried the command out: see `!silences`"
        case .status(401, _), .status(403, _): return "Alertmanager refuses the relay's credentials\(unchanged)"
        case .status(let status, let reason):
            let words = reason.isEmpty ? "" : "\n" + RoomText.prose(reason, limit: 300)
            return "Alertmanager answers with status \(status)\(unchanged)\(words)"
        case .tooLarge: return "Alertmanager's list is larger than the relay reads; use matchers instead of an id"
        case .malformed: return "Alertmanager's answer cannot be read; does alertmanager.url name an Alertmanager?"
        }
    }

    // MARK: Parts

    private func who(_ user: String) -> String { RoomText.value(user, limit: 60) }

    /// Values separated by commas, as many as fit.
    private func list(_ values: [String], limit: Int) -> String {
        var text = ""
        for (index, value) in values.enumerated() {
            let piece = (index == 0 ? "" : ", ") + RoomText.value(value, limit: min(200, limit))
            guard text.utf16.count + piece.utf16.count <= limit else {
                return text + " and \(values.count - index) more"
            }
            text += piece
        }
        return text
    }

    /// The title and as many lines as fit.
    private func lines(_ title: String, of count: Int, _ lines: [String]) -> String {
        var text = title
        var shown = 0
        for line in lines {
            guard text.utf16.count + line.utf16.count + 30 <= limit else { break }
            text += "\n" + line
            shown += 1
        }
        return shown == count ? text : text + "\n… and \(count - shown) more"
    }
}
