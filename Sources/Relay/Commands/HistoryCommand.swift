import Alerts
import ArgumentParser
import Journaling

/// `relay history`: lists how notifications ended.
struct HistoryCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "history", abstract: "List how notifications ended, the newest first.",
        discussion: """
            Uses the control socket of a running relay. If no relay runs, opens the spool directly. Run it as the user
            of the relay.

              relay history --alert DiskFull --since 2h
              relay history --outcome dead-letter
              relay history --json | jq -r '.[] | [.endedAt, .room, .alerts[].name] | @tsv'
            """)

    @Option(help: "Only alerts of this name; a name may end with *.") var alert: String?
    @Option(help: "Only what was posted to this room: a severity or a receiver.") var room: String?
    @Option(help: "Only what ended within this time, as in 2h, or since a time (RFC 3339).") var since: Since?
    @Option(help: "Only firing or only resolved alerts.") var status: AlertStatus?
    @Option(help: "Only this outcome: \(HistoryEntry.Outcome.words).") var outcome: HistoryEntry.Outcome?
    @Option(help: "Only entries with this text in an alert name, the room, the outcome or the ID.") var text: String?
    @Option(help: "Only the message with this notification first, as the field fold of the JSON output names it.")
    var fold: String?
    @Option(help: "At most this many entries.") var limit = 50
    @OptionGroup var control: ControlOptions

    func validate() throws {
        guard limit > 0 else { throw ValidationError("--limit must be at least 1") }
        guard fold.map({ JournalID($0) != nil }) ?? true else { throw ValidationError("--fold must be an ID") }
    }

    func run() throws {
        var query = HistoryQuery()
        (query.alert, query.room, query.status, query.outcome) = (alert, room, status, outcome)
        (query.text, query.fold, query.since) = (text, fold.flatMap { JournalID($0) }, since?.time(before: .now()))
        var left = limit
        try control.printPages { [query] next in
            guard left > 0 else { return nil }
            var page = query
            page.before = next.flatMap { HistoryCursor($0) }
            page.limit = min(left, HistoryQuery.limits.upperBound)
            // A page with another after it is full.
            left -= page.limit
            return ControlRequest(service: "history", verb: "list", body: page.wire, asJSON: control.json)
        } on: { journal in
            HistoryService(journal: journal)
        }
    }

    /// The time from which entries are listed: an age, or a time.
    enum Since: ExpressibleByArgument {
        case age(Duration)
        case time(Timestamp)

        init?(argument: String) {
            if let age = Quantity.duration(argument) {
                self = .age(min(age, .seconds(100 * 366 * 86_400)))
            } else if let time = Timestamp(rfc3339: argument) {
                self = .time(time)
            } else {
                return nil
            }
        }

        func time(before now: Timestamp) -> Timestamp {
            switch self {
            case .age(let age): Timestamp(seconds: now.seconds - age.components.seconds, nanoseconds: now.nanoseconds)
            case .time(let time): time
            }
        }
    }
}

extension HistoryEntry.Outcome {
    /// All values, for the help.
    fileprivate static var words: String { allCases.map(\.rawValue).joined(separator: ", ") }
}

extension HistoryEntry.Outcome: ExpressibleByArgument {}

extension AlertStatus: ExpressibleByArgument {}
