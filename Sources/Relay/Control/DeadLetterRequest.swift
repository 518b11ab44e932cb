/// What a person wants of the dead letters.
enum DeadLetterRequest: Sendable, Equatable {
    /// Which letters a command is for.
    enum Choice: Sendable, Equatable {
        case all
        case some([JournalID])
    }

    case list
    case show(JournalID)
    /// Pending again, under new ids.
    case replay(Choice)
    /// Deleted for good.
    case drop([JournalID])

    /// As the control socket carries it: a verb in the path, ids in the body, one a line, `all` for every letter.
    var wire: (verb: String, body: String) {
        switch self {
        case .list: ("list", "")
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
        case "list" where lines.isEmpty: self = .list
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

    /// Between output and problems on the control socket: the control character that stands for just that.
    private static let separator: Character = "\u{1D}"

    var wire: String { output + String(Self.separator) + problems.joined(separator: "\n") }

    init(output: String, problems: [String] = []) {
        self.output = output
        self.problems = problems
    }

    init?(wire: String) {
        guard let end = wire.lastIndex(of: Self.separator) else { return nil }
        output = String(wire[..<end])
        problems = wire[wire.index(after: end)...].split(separator: "\n").map(String.init)
    }
}
