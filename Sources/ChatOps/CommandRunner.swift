package import Alerts
package import Posting
import Support

/// The person who typed a command, and the message.
package struct CommandSender: Sendable, Equatable {
    package var user: String
    /// The address of the message; nil if it is unknown.
    package var link: String?

    package init(user: String, link: String?) {
        self.user = user
        self.link = link
    }
}

/// What became of a command.
package struct CommandOutcome: Sendable, Equatable {
    package enum Result: Sendable, Equatable {
        case done
        /// No alert or silence, or several, have the given ID.
        case unmatched
        case failed(AlertmanagerFailure)
    }

    /// The answer for the room, escaped.
    package var text: String
    package var result = Result.done
}

/// Carries commands out with Alertmanager's API.
package struct CommandRunner: Sendable {
    private let alertmanager: AlertmanagerSettings
    private let severities: SeverityMap
    private let answers: RoomAnswers
    private let abort: DeliveryAbort

    /// - Parameters:
    ///   - zone: of the times in answers.
    ///   - limit: the most UTF-16 units of an answer.
    package init(
        _ alertmanager: AlertmanagerSettings, severities: SeverityMap, zone: DisplayZone, limit: Int,
        abort: DeliveryAbort
    ) {
        self.alertmanager = alertmanager
        self.severities = severities
        self.abort = abort
        answers = RoomAnswers(zone: zone, limit: limit)
    }

    /// Blocks until Alertmanager has answered, at most until `deadline`. Must not be called on the loop.
    package func run(
        _ command: ChatCommand, for sender: CommandSender, until deadline: ContinuousClock.Instant, now: Timestamp
    ) -> CommandOutcome {
        var client = AlertmanagerClient(alertmanager, until: deadline, abort: abort)
        do throws(AlertmanagerFailure) {
            switch command {
            case .silence(let silence): return try run(silence, for: sender, now, &client)
            case .unsilence(let id): return try endSilence(id, for: sender, &client)
            case .silences: return CommandOutcome(text: answers.list(try activeSilences(&client)))
            case .alerts: return CommandOutcome(text: try alerts(now, &client))
            case .help: return CommandOutcome(text: RoomAnswers.help)
            }
        } catch {
            return CommandOutcome(text: answers.failure(error, changes: command.changes), result: .failed(error))
        }
    }

    // MARK: !silence

    private func run(
        _ silence: ChatCommand.Silence, for sender: CommandSender, _ now: Timestamp, _ client: inout AlertmanagerClient
    ) throws(AlertmanagerFailure) -> CommandOutcome {
        let matchers: [LabelMatcher]
        let subject: RoomAnswers.Subject
        switch silence.selection {
        case .alert(let id):
            let found = try alerts(withID: id, &client)
            guard found.count == 1, let alert = found.alerts.first?.alert else {
                return CommandOutcome(text: answers.alerts(withID: id, found), result: .unmatched)
            }
            matchers = alert.labels.pairs.filter { !$0.value.isEmpty }.map {
                LabelMatcher(name: $0.name, condition: .equal($0.value))
            }
            subject = .alert(alert)
        case .matchers(let given):
            matchers = given
            subject = .matchers(given, count: try? count(of: given, &client))
        }
        let end = Timestamp(seconds: now.seconds + silence.duration.components.seconds, nanoseconds: now.nanoseconds)
        let body = AlertmanagerJSON.silence(
            matchers, from: now, until: end, by: Self.author(sender.user), comment: Self.comment(silence, sender))
        let id = try AlertmanagerJSON.silenceID(in: try client.call(.post(body), "silences"))
        return CommandOutcome(
            text: answers.silenced(subject, by: sender.user, for: silence.duration, until: end, id: id))
    }

    private static func author(_ user: String) -> String {
        String(String.UnicodeScalarView(SanitizedText(user, keepsLines: false, limit: 100).scalars)) + " (Rocket.Chat)"
    }

    private static func comment(_ silence: ChatCommand.Silence, _ sender: CommandSender) -> String {
        let clean = SanitizedText(silence.comment, keepsLines: false, limit: 500)
        let words = String(String.UnicodeScalarView(clean.scalars))
        // Alertmanager refuses an empty comment.
        return (words.isEmpty ? "Silenced from Rocket.Chat" : words) + (sender.link.map { " (\($0))" } ?? "")
    }

    /// The firing alerts whose fingerprints begin with a text.
    struct Found {
        var count = 0
        /// Some of them.
        var alerts: [ReportedAlert] = []
    }

    private func alerts(
        withID id: String, _ client: inout AlertmanagerClient
    ) throws(AlertmanagerFailure) -> Found {
        var found = Found()
        try AlertmanagerJSON.alerts(in: try client.call(.get, "alerts")) { reported in
            guard reported.fingerprint.hasPrefix(id) else { return }
            found.count += 1
            if found.alerts.count < 5 { found.alerts.append(reported) }
        }
        return found
    }

    /// The number of firing alerts that the matchers select, according to Alertmanager.
    private func count(
        of matchers: [LabelMatcher], _ client: inout AlertmanagerClient
    ) throws(AlertmanagerFailure) -> Int {
        let filters = matchers.map { "filter=" + Self.encoded($0.description) }
        var count = 0
        try AlertmanagerJSON.alerts(in: try client.call(.get, "alerts?" + filters.joined(separator: "&"))) { _ in
            count += 1
        }
        return count
    }

    private static func encoded(_ text: String) -> String {
        text.utf8.reduce(into: "") { result, byte in
            let scalar = Unicode.Scalar(byte)
            if scalar.isLetterOrDigit {
                result.unicodeScalars.append(scalar)
            } else {
                result += (byte < 16 ? "%0" : "%") + String(byte, radix: 16)
            }
        }
    }

    // MARK: !silences, !unsilence

    private func activeSilences(_ client: inout AlertmanagerClient) throws(AlertmanagerFailure) -> [ReportedSilence] {
        var silences: [ReportedSilence] = []
        // Old versions ignore the filter and list ended silences too.
        try AlertmanagerJSON.silences(in: try client.call(.get, "silences?active=true")) { silence in
            if !silence.isExpired { silences.append(silence) }
        }
        let oldest = Timestamp(seconds: 0, nanoseconds: 0)
        return silences.sorted { ($1.updatedAt ?? oldest) < ($0.updatedAt ?? oldest) }
    }

    private func endSilence(
        _ id: String, for sender: CommandSender, _ client: inout AlertmanagerClient
    ) throws(AlertmanagerFailure) -> CommandOutcome {
        let silences = try activeSilences(&client)
        let found = silences.filter { $0.id.lowercased().hasPrefix(id) }
        guard found.count == 1, let silence = found.first else {
            return CommandOutcome(text: answers.silences(withID: id, found, of: silences), result: .unmatched)
        }
        _ = try client.call(.delete, "silence/" + silence.id)
        return CommandOutcome(text: answers.ended(silence, by: sender.user))
    }

    // MARK: !alerts

    private func alerts(_ now: Timestamp, _ client: inout AlertmanagerClient) throws(AlertmanagerFailure) -> String {
        var list = FiringAlerts(severities: severities)
        try AlertmanagerJSON.alerts(in: try client.call(.get, "alerts")) { list.add($0) }
        return answers.list(list, now: now)
    }
}

extension ChatCommand {
    fileprivate var changes: Bool {
        switch self {
        case .silence, .unsilence: true
        case .silences, .alerts, .help: false
        }
    }
}

/// The worst and newest of many alerts, and the number of the others.
struct FiringAlerts {
    static let shownLimit = 20

    private let severities: SeverityMap
    private(set) var count = 0
    private(set) var suppressed = 0
    private var worst: [(rank: UInt8, alert: Alert)] = []
    private var fingerprints: [String] = []

    init(severities: SeverityMap) {
        self.severities = severities
    }

    mutating func add(_ reported: ReportedAlert) {
        fingerprints.append(reported.fingerprint)
        guard !reported.isSuppressed else { return suppressed += 1 }
        count += 1
        worst.append((severities.severity(of: reported.alert.labels["severity"]).rank, reported.alert))
        if worst.count > 10 * Self.shownLimit { worst = Array(sorted.prefix(Self.shownLimit)) }
    }

    /// At most `shownLimit`, the most urgent first, then the newest.
    var shown: [Alert] { sorted.prefix(Self.shownLimit).map(\.alert) }

    private var sorted: [(rank: UInt8, alert: Alert)] {
        worst.sorted { one, other in
            let starts = (one.alert.startsAt?.seconds ?? 0, other.alert.startsAt?.seconds ?? 0)
            return (one.rank, -starts.0, one.alert.fingerprint) < (other.rank, -starts.1, other.alert.fingerprint)
        }
    }

    /// The shortest ID that selects this alert only.
    func shortID(of alert: Alert) -> String { ShortID.shortest(alert.fingerprint, among: fingerprints, from: 6) }
}

/// The beginning of an ID that no other one has.
enum ShortID {
    static func shortest(_ id: String, among ids: [String], from length: Int) -> String {
        var length = length
        while length < id.count, ids.contains(where: { $0 != id && $0.hasPrefix(id.prefix(length)) }) { length += 1 }
        return String(id.prefix(length))
    }
}
