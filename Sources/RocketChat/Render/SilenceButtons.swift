import Alerts
import Posting

/// The buttons that silence the firing alerts of a message, as a last attachment of their own: phones show only text and
/// buttons of an attachment that has buttons.
///
/// A button posts a command as the person who presses it. The command names the alert by the beginning of its
/// fingerprint, which no other alert of the message has.
struct SilenceButtons {
    /// The most buttons of a message.
    private static let limit = 5
    /// The least digits of an ID. Ten thousand alerts that fire make 6 digits ambiguous once in 1,700 times.
    private static let shortestID = 6

    let digest: Digest
    /// The length of the silence, as `!silence` reads it: `2h`.
    let duration: String

    /// Nil if none of the alerts fires and has a fingerprint of Alertmanager's form.
    func attachment(for shown: some Sequence<Digest.Detail>) -> Message.Attachment? {
        let alerts = shown.map(\.alert).filter { $0.status == .firing && Self.isFingerprint($0.fingerprint) }
        let buttons = alerts.prefix(Self.limit).map { alert in
            Message.Button(text: label(of: alert), command: "!silence \(duration) \(shortID(of: alert))")
        }
        guard !buttons.isEmpty else { return nil }
        return Message.Attachment(color: "#757575", title: "", text: "Act on it:", buttons: buttons)
    }

    private func label(of alert: Alert) -> String {
        guard digest.entries.count > 1 else { return "Silence \(duration)" }
        let place = alert.target.map { " on " + Escape.title($0, limit: 30).string } ?? ""
        return "Silence \(duration): \(Escape.title(alert.displayName, limit: 40).string)\(place)"
    }

    private func shortID(of alert: Alert) -> String {
        let others = digest.details.values.map(\.alert.fingerprint).filter { $0 != alert.fingerprint }
        var length = Self.shortestID
        while length < alert.fingerprint.count,
            others.contains(where: { $0.hasPrefix(alert.fingerprint.prefix(length)) })
        {
            length += 1
        }
        return String(alert.fingerprint.prefix(length))
    }

    private static func isFingerprint(_ text: String) -> Bool {
        text.utf8.count == 16 && text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
    }
}
