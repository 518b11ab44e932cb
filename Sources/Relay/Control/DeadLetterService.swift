import Alerts
import Journaling
import Support

/// Executes commands on dead letters, in a running relay or directly on the spool. Blocks on the journal queue, so it
/// must not be called on the loop.
struct DeadLetterService<Ticket: Sendable>: ControlService {
    let journal: Journal<Ticket>
    /// The maximum number of letters in one reply to `list` and in one transaction of `drop`.
    var largePage = 1000
    /// Called with the letters that were dropped.
    var noteDropped: @Sendable ([JournalID]) -> Void = { _ in }
    /// Dispatches notifications that are pending again.
    let dispatch: @Sendable ([Journaled<Notification>]) -> Void

    /// The number of letters read or replayed at a time, so that webhooks do not wait long for the journal queue.
    private static var page: Int { 100 }
    /// The size limit of alert names in one reply to `list`, in bytes: a letter can hold thousands.
    private static var namesLimit: Int { 1 << 20 }

    static var name: String { DeadLetterRequest.service }

    func execute(_ request: ControlRequest) -> ControlReply? {
        DeadLetterRequest(verb: request.verb, body: request.body).map { execute($0, asJSON: request.asJSON) }
    }

    func execute(_ request: DeadLetterRequest, asJSON: Bool) -> ControlReply {
        switch request {
        case .list(let after): list(after: after, asJSON: asJSON)
        case .show(let id): show(id, asJSON: asJSON)
        case .replay(let choice, let isForced): replay(choice, isForced: isForced, asJSON: asJSON)
        case .drop(let ids): drop(ids, asJSON: asJSON)
        }
    }

    private var receivers: [ReceiverID: String] { journal.snapshot.receivers }

    private func list(after: JournalID?, asJSON: Bool) -> ControlReply {
        do throws(JournalRefusal) {
            let parser = WebhookParser()
            var listed: [DeadLetterSummary] = []
            var nameBytes = 0
            let letters = try letters(after: after, limit: largePage)
            for letter in letters where nameBytes < Self.namesLimit {
                let content = try journal.deadLetter(letter.id)
                listed.append(
                    content.map { DeadLetterSummary($0, parser: parser) } ?? DeadLetterSummary(letter, names: []))
                nameBytes += listed.last?.names.reduce(0) { $0 + $1.utf8.count } ?? 0
            }
            let isLast = letters.count < largePage && listed.count == letters.count
            return ControlReply(
                output: DeadLetterText.list(
                    listed, receivers: receivers, asJSON: asJSON, isFirstPage: after == nil, now: .now()),
                next: isLast ? nil : listed.last.map { "\($0.letter.id)" })
        } catch {
            return ControlReply(output: "", problems: [Self.unusable(error)])
        }
    }

    private func show(_ id: JournalID, asJSON: Bool) -> ControlReply {
        do throws(JournalRefusal) {
            guard let content = try journal.deadLetter(id) else {
                return ControlReply(output: "", problems: [Self.missing(id)])
            }
            return ControlReply(output: DeadLetterText.content(content, receivers: receivers, asJSON: asJSON))
        } catch {
            return ControlReply(output: "", problems: [Self.unusable(error)])
        }
    }

    /// If the spool fails, the reply still lists the letters replayed before: they are being delivered.
    private func replay(_ choice: DeadLetterRequest.Choice, isForced: Bool, asJSON: Bool) -> ControlReply {
        var replayed: [JournalID] = []
        var problems: [String] = []
        do throws(JournalRefusal) {
            let ids = try ids(of: choice)
            for start in stride(from: 0, to: ids.count, by: Self.page) {
                let page = Array(ids[start..<min(start + Self.page, ids.count)])
                let replay = try journal.replay(page, isForced: isForced)
                dispatch(replay.entries)
                let left = Set(replay.damaged + replay.missing)
                replayed += page.filter { !left.contains($0) }
                problems += replay.missing.map(Self.missing)
                problems += replay.damaged.map { "dead letter \($0) is damaged: it can be shown, but not sent" }
            }
        } catch {
            problems.append(Self.unusable(error))
        }
        return ControlReply(
            output: DeadLetterText.done("replayed", replayed, asJSON: asJSON), problems: problems)
    }

    private func drop(_ ids: [JournalID], asJSON: Bool) -> ControlReply {
        var dropped: [JournalID] = []
        var problems: [String] = []
        do throws(JournalRefusal) {
            let ids = ids.distinct
            for start in stride(from: 0, to: ids.count, by: largePage) {
                let page = ids[start..<min(start + largePage, ids.count)]
                let existing = try journal.existing(Array(page))
                problems += page.filter { !existing.contains($0) }.map(Self.missing)
                let dropping = page.filter(existing.contains)
                _ = try journal.drop(dropping)
                noteDropped(dropping)
                dropped += dropping
            }
        } catch {
            problems.append(Self.unusable(error))
        }
        return ControlReply(output: DeadLetterText.done("dropped", dropped, asJSON: asJSON), problems: problems)
    }

    /// `all` means the letters that exist now. A letter that is created during the command is not replayed.
    private func ids(of choice: DeadLetterRequest.Choice) throws(JournalRefusal) -> [JournalID] {
        switch choice {
        case .all: try allIDs()
        case .some(let ids): ids.distinct
        }
    }

    private func allIDs() throws(JournalRefusal) -> [JournalID] {
        var ids: [JournalID] = []
        while true {
            let more = try journal.deadLetters(after: ids.last, limit: Self.page)
            ids += more.map(\.id)
            if more.count < Self.page { return ids }
        }
    }

    private func letters(after: JournalID?, limit: Int) throws(JournalRefusal) -> [DeadLetter] {
        var letters: [DeadLetter] = []
        while letters.count < limit {
            let count = min(Self.page, limit - letters.count)
            let more = try journal.deadLetters(after: letters.last?.id ?? after, limit: count)
            letters += more
            if more.count < count { break }
        }
        return letters
    }

    private static func missing(_ id: JournalID) -> String { "there is no dead letter \(id)" }

    private static func unusable(_ refusal: JournalRefusal) -> String {
        "the spool cannot be used now: \(refusal.explanation)"
    }
}

/// A command on dead letters.
enum DeadLetterRequest: Sendable, Equatable {
    /// The letters that a command applies to.
    enum Choice: Sendable, Equatable {
        case all
        case some([JournalID])
    }

    /// A page of letters in the order of IDs, after the given one; nil for the first page.
    case list(after: JournalID?)
    case show(JournalID)
    /// Makes letters pending again, with new IDs. If forced, alerts are posted as firing that the room was shown as
    /// resolved since.
    case replay(Choice, isForced: Bool = false)
    /// Deletes letters permanently.
    case drop([JournalID])

    static let service = "dead-letters"

    func onSocket(asJSON: Bool) -> ControlRequest {
        ControlRequest(service: Self.service, verb: wire.verb, body: wire.body, asJSON: asJSON)
    }

    /// The form on the control socket: a verb in the path, IDs in the body, one per line. `all` stands for every
    /// letter.
    var wire: (verb: String, body: String) {
        switch self {
        case .list(nil): ("list", "")
        case .list(let id?): ("list", "\(id)")
        case .show(let id): ("show", "\(id)")
        case .replay(let choice, let isForced):
            switch choice {
            case .all: (isForced ? "force-replay" : "replay", "all")
            case .some(let ids):
                (isForced ? "force-replay" : "replay", ids.map(\.description).joined(separator: "\n"))
            }
        case .drop(let ids): ("drop", ids.map(\.description).joined(separator: "\n"))
        }
    }

    /// Returns nil for input that `wire` never produces.
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
        case "force-replay" where lines == ["all"]: self = .replay(.all, isForced: true)
        case "force-replay" where areIDs: self = .replay(.some(ids), isForced: true)
        case "drop" where areIDs: self = .drop(ids)
        default: return nil
        }
    }
}

/// A dead letter and the names of its alerts, for a list.
struct DeadLetterSummary: Sendable, Equatable {
    var letter: DeadLetter
    /// The name of each alert, including repeats; empty if the content cannot be read.
    var names: [String]

    init(_ letter: DeadLetter, names: [String]) {
        self.letter = letter
        self.names = names
    }

    init(_ content: DeadLetterContent, parser: WebhookParser) {
        letter = content.letter
        // Parsing it again could crash this process.
        let alerts = content.letter.reason == .crash ? [] : (try? parser.decode(content.body).alerts) ?? []
        names = alerts.map { $0.labels["alertname"] ?? "(no name)" }
    }

    /// `DiskFull x3, HighCPU`, in the order of first appearance.
    var summary: String {
        if letter.reason == .crash { return "(not parsed: it crashed the relay)" }
        guard !names.isEmpty else { return "(unreadable)" }
        let counts = names.reduce(into: [:]) { $0[$1, default: 0] += 1 }
        return names.distinct.map { name in
            let count = counts[name] ?? 1
            return count > 1 ? "\(name) x\(count)" : name
        }.joined(separator: ", ")
    }
}
