/// What a person wants of the dead letters.
enum DeadLetterRequest: Sendable, Equatable {
    /// Which letters a command is for.
    enum Choice: Sendable, Equatable {
        case all
        case some([JournalID])
    }

    /// A page of them in the order of their ids, from behind one; nil from the first on.
    case list(after: JournalID?)
    case show(JournalID)
    /// Pending again, under new ids.
    case replay(Choice)
    /// Deleted for good.
    case drop([JournalID])

    /// As the control socket carries it: a verb in the path, ids in the body, one a line, `all` for every letter.
    var wire: (verb: String, body: String) {
        switch self {
        case .list(nil): ("list", "")
        case .list(let id?): ("list", "\(id)")
        case .show(let id): ("show", "\(id)")
        case .replay(.all): ("replay", "all")
        case .replay(.some(let ids)): ("replay", ids.map(\.description).joined(separator: "\n"))
        case .drop(let ids): ("drop", ids.map(\.description).joined(separator: "\n"))
        }
    }

    /// Nil for what `wire` never makes.
    init?(verb: String, body: String) {
        let lines = body.split(separator: "\n")
        let ids = lines.compactMap { JournalID(String($0)) }
        let areIDs = !ids.isEmpty && ids.count == lines.count
        switch verb {
        case "list" where lines.isEmpty: self = .list(after: nil)
        case "list" where areIDs && ids.count == 1: self = .list(after: ids[0])
        case "show" where areIDs && ids.count == 1: self = .show(ids[0])
        case "replay" where lines == ["all"]: self = .replay(.all)
        case "replay" where areIDs: self = .replay(.some(ids))
        case "drop" where areIDs: self = .drop(ids)
        default: return nil
        }
    }
}

/// What a command on dead letters came to.
struct DeadLetterReply: Sendable, Equatable {
    /// For standard output.
    var output: String
    /// For standard error, a line each; none when all was done that was asked for.
    var problems: [String] = []
    /// Of a list: the letter that the next page begins behind; nil after the last page.
    var next: JournalID?

    /// Between output and problems on the control socket: the control character that stands for just that.
    private static let separator: Character = "\u{1D}"

    var wire: String {
        let rest = (next.map { ["next \($0)"] } ?? []) + problems.map { "problem \($0)" }
        return output + String(Self.separator) + rest.joined(separator: "\n")
    }

    init(output: String, problems: [String] = [], next: JournalID? = nil) {
        self.output = output
        self.problems = problems
        self.next = next
    }

    init?(wire: String) {
        guard let end = wire.lastIndex(of: Self.separator) else { return nil }
        output = String(wire[..<end])
        for line in wire[wire.index(after: end)...].split(separator: "\n") {
            let words = line.split(separator: " ", maxSplits: 1)
            switch words.first {
            case "next" where words.count == 2: next = JournalID(String(words[1]))
            case "problem" where words.count == 2: problems.append(String(words[1]))
            default: return nil
            }
        }
    }
}
