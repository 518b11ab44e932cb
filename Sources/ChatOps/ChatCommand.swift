package import Alerts

/// A command that a person typed in a room.
package enum ChatCommand: Sendable, Equatable {
    case silence(Silence)
    /// Lists the active silences.
    case silences
    /// Ends the silence whose ID begins with this text.
    case unsilence(id: String)
    /// Lists the firing alerts.
    case alerts
    case help

    package struct Silence: Sendable, Equatable {
        package var selection: Selection
        package var duration: Duration
        /// Empty if the person gave none.
        package var comment: String
    }

    /// What a silence is for.
    package enum Selection: Sendable, Equatable {
        /// All labels of the firing alert whose fingerprint begins with these hexadecimal digits.
        case alert(id: String)
        case matchers([LabelMatcher])
    }

    /// Why a text is not a command, as text for the person who typed it. It may quote the text.
    package struct Invalid: Error, Equatable, CustomStringConvertible {
        /// Unknown if the first word is not a command.
        package var name = Name.unknown
        package var description: String
    }

    /// The names of commands in metrics and logs.
    package enum Name: String, CaseIterable, Sendable {
        case silence, silences, unsilence, alerts, help
        case unknown
    }

    package var name: Name {
        switch self {
        case .silence: .silence
        case .silences: .silences
        case .unsilence: .unsilence
        case .alerts: .alerts
        case .help: .help
        }
    }
}

/// Parses commands. Pure: the same text gives the same command.
package struct CommandParser: Sendable {
    /// The most UTF-16 units of a command, below the size limit of Rocket.Chat's messages.
    package static let textLimit = 4_000
    private static let matcherLimit = 20
    private static let shortest = Duration.seconds(60)
    private static let form = "write !silence 2h 3f2a9c, or !silence 2h alertname=X"

    private let longest: Duration

    /// - Parameter longest: the longest silence that a person may set.
    package init(longest: Duration) {
        self.longest = longest
    }

    package func parse(_ text: String) throws(ChatCommand.Invalid) -> ChatCommand {
        guard text.utf16.count <= Self.textLimit else {
            throw ChatCommand.Invalid(description: "The command is longer than \(Self.textLimit) characters")
        }
        var words = CommandWords(text)
        let first = words.next() ?? ""
        let name = ChatCommand.Name(rawValue: first.dropFirst().lowercased()) ?? .unknown
        guard first.hasPrefix("!"), name != .unknown else {
            throw ChatCommand.Invalid(description: "\(Self.quoted(first)) is not a command; !help lists them")
        }
        do throws(Problem) {
            return try command(name, &words)
        } catch {
            throw ChatCommand.Invalid(name: name, description: error.text)
        }
    }

    private struct Problem: Error {
        var text: String
    }

    private func command(_ name: ChatCommand.Name, _ words: inout CommandWords) throws(Problem) -> ChatCommand {
        if name == .silence { return .silence(try silence(&words)) }
        if name == .help { return .help }
        let argument = words.next()
        if name == .unsilence { return .unsilence(id: try silenceID(argument, &words)) }
        guard argument == nil else { throw Problem(text: "!\(name.rawValue) has nothing after it") }
        return name == .alerts ? .alerts : .silences
    }

    private func silenceID(_ word: Substring?, _ words: inout CommandWords) throws(Problem) -> String {
        guard let word, words.next() == nil else {
            throw Problem(text: "Write !unsilence and the id that !silences shows, as in !unsilence 4dfefdc3")
        }
        let id = word.lowercased()
        guard (4...64).contains(id.utf8.count), id.unicodeScalars.allSatisfy({ $0.isHexDigit || $0 == "-" }) else {
            throw Problem(text: "\(Self.quoted(word)) is not the id of a silence; !silences lists them")
        }
        return id
    }

    // MARK: !silence

    private func silence(_ words: inout CommandWords) throws(Problem) -> ChatCommand.Silence {
        let start = words
        if let (selection, text) = Self.alertAndDuration(words.next(), words.next()) {
            return .init(selection: selection, duration: try duration(text), comment: words.rest)
        }
        words = start
        var given = words.takeDuration()
        let matchers = try matchers(&words)
        if given == nil { given = words.takeDuration() }
        guard !matchers.isEmpty else { throw Self.withoutSelection(given, words.next()) }
        guard let given else { throw Problem(text: "Say for how long: \(Self.form)") }
        return .init(selection: .matchers(matchers), duration: try duration(given), comment: words.rest)
    }

    /// An alert's ID and a duration in either order; nil if the words are not these. Some texts, `12345d`, are both.
    private static func alertAndDuration(
        _ one: Substring?, _ other: Substring?
    ) -> (ChatCommand.Selection, Substring)? {
        guard let one, let other else { return nil }
        if SilenceDuration.parse(one) != nil, isAlertID(other) { return (.alert(id: other.lowercased()), one) }
        if isAlertID(one), SilenceDuration.parse(other) != nil { return (.alert(id: one.lowercased()), other) }
        return nil
    }

    private static func isAlertID(_ word: Substring) -> Bool {
        (4...16).contains(word.utf8.count) && word.unicodeScalars.allSatisfy(\.isHexDigit)
    }

    private func duration(_ word: Substring) throws(Problem) -> Duration {
        guard let duration = SilenceDuration.parse(word), (Self.shortest...longest).contains(duration) else {
            let range = "\(Self.shortest.humanized) to \(longest.humanized)"
            throw Problem(text: "A silence lasts from \(range); \(Self.quoted(word)) is not in this range")
        }
        return duration
    }

    private static func withoutSelection(_ duration: Substring?, _ word: Substring?) -> Problem {
        guard let word else {
            return Problem(
                text: duration == nil ? "Say what to silence, and for how long: \(form)" : "Say what: \(form)")
        }
        if isAlertID(word) { return Problem(text: "Say for how long: !silence 2h \(word.lowercased())") }
        if !word.isEmpty, word.unicodeScalars.allSatisfy(\.isHexDigit), word.utf8.count < 4 {
            return Problem(text: "\(quoted(word)) is too short for an alert's id; write at least 4 digits of it")
        }
        let kinds = duration == nil ? "a duration such as 2h, an alert's id" : "an alert's id"
        return Problem(text: "\(quoted(word)) is neither \(kinds) nor a matcher such as alertname=X")
    }

    private func matchers(_ words: inout CommandWords) throws(Problem) -> [LabelMatcher] {
        var matchers: [LabelMatcher] = []
        while let text = words.takeMatcher() {
            do {
                matchers += try LabelMatcher.parse(text)
            } catch {
                throw Problem(text: "\(Self.quoted(text[...])) cannot be read: \(error)")
            }
            guard matchers.count <= Self.matcherLimit else {
                throw Problem(text: "A command has at most \(Self.matcherLimit) matchers")
            }
        }
        // Alertmanager refuses such a silence, since it would apply to every alert.
        let empty = UnsafeRawBufferPointer(start: nil, count: 0)
        guard matchers.isEmpty || matchers.contains(where: { !$0.matches(value: empty) }) else {
            throw Problem(text: "At least one matcher must not match an empty value; such a silence is for all alerts")
        }
        return matchers
    }

    private static func quoted(_ word: Substring) -> String {
        let scalars = word.unicodeScalars
        return "\"\(String(scalars.prefix(60)))\(scalars.count > 60 ? "…" : "")\""
    }
}

extension Unicode.Scalar {
    var isHexDigit: Bool { ("0"..."9").contains(self) || ("a"..."f").contains(self) || ("A"..."F").contains(self) }
}
