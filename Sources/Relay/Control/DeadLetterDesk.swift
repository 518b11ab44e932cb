/// Carries out what a person wants of the dead letters, on the spool of a running relay or on one at rest. Blocks for
/// the journal's queue, so never to be called on the loop.
struct DeadLetterDesk<Ticket: Sendable>: Sendable {
    let journal: Journal<Ticket>
    /// Letters of one answer to `list` at most, and of one transaction of `drop`.
    var largePage = 1000
    /// Takes what is pending again.
    let dispatch: @Sendable ([Journaled<Notification>]) -> Void

    /// Letters read or replayed at a time, so that webhooks never wait long for the journal's queue.
    private static var page: Int { 100 }
    /// The names of alerts in one answer to `list`, in bytes: a letter can hold thousands.
    private static var namesLimit: Int { 1 << 20 }

    func carryOut(_ request: DeadLetterRequest, asJSON: Bool) -> DeadLetterReply {
        switch request {
        case .list(let after): list(after: after, asJSON: asJSON)
        case .show(let id): show(id, asJSON: asJSON)
        case .replay(let choice): replay(choice, asJSON: asJSON)
        case .drop(let ids): drop(ids, asJSON: asJSON)
        }
    }

    private var receivers: [ReceiverID: String] { journal.snapshot.receivers }

    private func list(after: JournalID?, asJSON: Bool) -> DeadLetterReply {
        do throws(JournalRefusal) {
            let parser = WebhookParser()
            var listed: [ListedLetter] = []
            var nameBytes = 0
            let letters = try letters(after: after, limit: largePage)
            for letter in letters where nameBytes < Self.namesLimit {
                let content = try journal.deadLetter(letter.id)
                listed.append(content.map { ListedLetter($0, parser: parser) } ?? ListedLetter(letter, names: []))
                nameBytes += listed.last?.names.reduce(0) { $0 + $1.utf8.count } ?? 0
            }
            let isLast = letters.count < largePage && listed.count == letters.count
            return DeadLetterReply(
                output: DeadLetterText.list(
                    listed, receivers: receivers, asJSON: asJSON, isFirstPage: after == nil, now: .now()),
                next: isLast ? nil : listed.last?.letter.id)
        } catch {
            return DeadLetterReply(output: "", problems: [Self.unusable(error)])
        }
    }

    private func show(_ id: JournalID, asJSON: Bool) -> DeadLetterReply {
        do throws(JournalRefusal) {
            guard let content = try journal.deadLetter(id) else {
                return DeadLetterReply(output: "", problems: [Self.missing(id)])
            }
            return DeadLetterReply(output: DeadLetterText.content(content, receivers: receivers, asJSON: asJSON))
        } catch {
            return DeadLetterReply(output: "", problems: [Self.unusable(error)])
        }
    }

    /// What was done before the spool failed is told all the same: those letters are on their way.
    private func replay(_ choice: DeadLetterRequest.Choice, asJSON: Bool) -> DeadLetterReply {
        var replayed: [JournalID] = []
        var problems: [String] = []
        do throws(JournalRefusal) {
            let ids = try ids(of: choice)
            for start in stride(from: 0, to: ids.count, by: Self.page) {
                let page = Array(ids[start..<min(start + Self.page, ids.count)])
                let replay = try journal.replay(page)
                dispatch(replay.entries)
                let left = Set(replay.damaged + replay.missing)
                replayed += page.filter { !left.contains($0) }
                problems += replay.missing.map(Self.missing)
                problems += replay.damaged.map { "dead letter \($0) is damaged: it can be shown, but not sent" }
            }
        } catch {
            problems.append(Self.unusable(error))
        }
        return DeadLetterReply(
            output: DeadLetterText.done("replayed", replayed, asJSON: asJSON), problems: problems)
    }

    private func drop(_ ids: [JournalID], asJSON: Bool) -> DeadLetterReply {
        var dropped: [JournalID] = []
        var problems: [String] = []
        do throws(JournalRefusal) {
            let ids = ids.distinct
            for start in stride(from: 0, to: ids.count, by: largePage) {
                let page = ids[start..<min(start + largePage, ids.count)]
                let existing = try journal.existing(Array(page))
                problems += page.filter { !existing.contains($0) }.map(Self.missing)
                _ = try journal.drop(page.filter(existing.contains))
                dropped += page.filter(existing.contains)
            }
        } catch {
            problems.append(Self.unusable(error))
        }
        return DeadLetterReply(output: DeadLetterText.done("dropped", dropped, asJSON: asJSON), problems: problems)
    }

    /// All are those that there are now: one that dies again meanwhile is not sent again.
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
            let asked = min(Self.page, limit - letters.count)
            let more = try journal.deadLetters(after: letters.last?.id ?? after, limit: asked)
            letters += more
            if more.count < asked { break }
        }
        return letters
    }

    private static func missing(_ id: JournalID) -> String { "there is no dead letter \(id)" }

    private static func unusable(_ refusal: JournalRefusal) -> String {
        "the spool cannot be used now: \(refusal.explanation)"
    }
}
