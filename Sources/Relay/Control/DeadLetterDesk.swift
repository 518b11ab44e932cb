/// Carries out what a person wants of the dead letters, on the spool of a running relay or on one at rest. Blocks for
/// the journal's queue, so never to be called on the loop.
struct DeadLetterDesk<Ticket: Sendable>: Sendable {
    let journal: Journal<Ticket>
    /// Takes what is pending again.
    let dispatch: @Sendable ([Journaled<Notification>]) -> Void

    /// Letters read or replayed at a time.
    private static var page: Int { 100 }

    func carryOut(_ request: DeadLetterRequest, asJSON: Bool) -> DeadLetterReply {
        switch request {
        case .list: list(asJSON: asJSON)
        case .show(let id): show(id, asJSON: asJSON)
        case .replay(let choice): replay(choice, asJSON: asJSON)
        case .drop(let ids): drop(ids, asJSON: asJSON)
        }
    }

    private var receivers: [ReceiverID: String] { journal.snapshot.receivers }

    private func list(asJSON: Bool) -> DeadLetterReply {
        do throws(JournalRefusal) {
            let parser = WebhookParser()
            var listed: [ListedLetter] = []
            for letter in try letters() {
                let content = try journal.deadLetter(letter.id)
                listed.append(content.map { ListedLetter($0, parser: parser) } ?? ListedLetter(letter, names: []))
            }
            return DeadLetterReply(
                output: DeadLetterText.list(listed, receivers: receivers, asJSON: asJSON, now: .now()))
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
            for id in ids.distinct {
                if try journal.drop([id]) > 0 { dropped.append(id) } else { problems.append(Self.missing(id)) }
            }
        } catch {
            problems.append(Self.unusable(error))
        }
        return DeadLetterReply(output: DeadLetterText.done("dropped", dropped, asJSON: asJSON), problems: problems)
    }

    /// All are those that there are now: one that dies again meanwhile is not sent again.
    private func ids(of choice: DeadLetterRequest.Choice) throws(JournalRefusal) -> [JournalID] {
        switch choice {
        case .all: try letters().map(\.id)
        case .some(let ids): ids.distinct
        }
    }

    private func letters() throws(JournalRefusal) -> [DeadLetter] {
        var letters: [DeadLetter] = []
        while true {
            let more = try journal.deadLetters(after: letters.last?.id, limit: Self.page)
            letters += more
            if more.count < Self.page { return letters }
        }
    }

    private static func missing(_ id: JournalID) -> String { "there is no dead letter \(id)" }

    private static func unusable(_ refusal: JournalRefusal) -> String {
        "the spool cannot be used now: \(refusal.explanation)"
    }
}
