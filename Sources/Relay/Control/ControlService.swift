/// The commands of one kind that a running relay accepts on its control socket.
protocol ControlService: Sendable {
    /// The first part of the path of its requests, such as `dead-letters`.
    static var name: String { get }

    /// Executes a request. Returns nil for one that it does not know. Called off the loop, one call at a time of all
    /// services; it may block.
    func execute(_ request: ControlRequest) -> ControlReply?
}

/// A command on the control socket: `POST /SERVICE/VERB`, with its arguments as lines in the body.
struct ControlRequest: Sendable, Equatable {
    /// `ControlService.name`.
    var service: String
    var verb: String
    var body = ""
    /// Whether the output is JSON.
    var asJSON = false

    /// The path and query of the HTTP request.
    var target: String { "/\(service)/\(verb)" + (asJSON ? "?json" : "") }

    init(service: String, verb: String, body: String = "", asJSON: Bool = false) {
        self.service = service
        self.verb = verb
        self.body = body
        self.asJSON = asJSON
    }

    /// Returns nil for a path that `target` never produces.
    init?(path: String, query: String?, body: String) {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0].isEmpty else { return nil }
        self.init(service: String(parts[1]), verb: String(parts[2]), body: body, asJSON: query == "json")
    }
}

/// The result of a command.
struct ControlReply: Sendable, Equatable {
    /// Text for standard output.
    var output: String
    /// Lines for standard error; empty if everything succeeded.
    var problems: [String] = []
    /// For lists: the place after which the next page starts, in one word; nil after the last page.
    var next: String?

    /// Separates output and problems on the control socket: the ASCII group separator.
    private static let separator: Character = "\u{1D}"

    var wire: String {
        let rest = (next.map { ["next \($0)"] } ?? []) + problems.map { "problem \($0)" }
        return output + String(Self.separator) + rest.joined(separator: "\n")
    }

    init(output: String, problems: [String] = [], next: String? = nil) {
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
            case "next" where words.count == 2: next = String(words[1])
            case "problem" where words.count == 2: problems.append(String(words[1]))
            default: return nil
            }
        }
    }
}
