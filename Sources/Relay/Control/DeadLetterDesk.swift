/// Carries out what a person wants of the dead letters, on the spool of a running relay or on one at rest. Blocks for
/// the journal's queue, so never to be called on the loop.
struct DeadLetterDesk<Ticket: Sendable>: Sendable {
    let journal: Journal<Ticket>
    /// Takes what is pending again.
    let dispatch: @Sendable ([Journaled<Notification>]) -> Void

    /// Letters in memory at a time.
    private static var page: Int { 100 }

    func carryOut(_ request: DeadLetterRequest, asJSON: Bool) -> DeadLetterReply {
        do throws(JournalRefusal) {
            switch request {
            case .list: return DeadLetterReply(output: try list(asJSON: asJSON))
            case .show(let id): return try show(id, asJSON: asJSON)
            case .replay(let choice): return try replay(choice, asJSON: asJSON)
            case .drop(let ids): return try drop(ids, asJSON: asJSON)
            }
        } catch {
            return DeadLetterReply(output: "", problems: ["the spool cannot be used now: \(error.explanation)"])
        }
    }

    private func list(asJSON: Bool) throws(JournalRefusal) -> String {
        var letters: [DeadLetter] = []
        while true {
            let more = try journal.deadLetters(after: letters.last?.id, limit: Self.page)
            letters += more
            if more.count < Self.page { return DeadLetterText.list(letters, asJSON: asJSON, now: .now()) }
        }
    }

    private func show(_ id: JournalID, asJSON: Bool) throws(JournalRefusal) -> DeadLetterReply {
        guard let content = try journal.deadLetter(id) else {
            return DeadLetterReply(output: "", problems: [Self.missing(id)])
        }
        return DeadLetterReply(output: DeadLetterText.content(content, asJSON: asJSON))
    }

    private func replay(
        _ choice: DeadLetterRequest.Choice, asJSON: Bool
    ) throws(JournalRefusal) -> DeadLetterReply {
        var replayed: [JournalID] = []
        var problems: [String] = []
        func replay(_ ids: [JournalID]) throws(JournalRefusal) {
            let replay = try journal.replay(ids)
            dispatch(replay.entries)
            let failed = Set(replay.damaged + replay.missing)
            replayed += ids.filter { !failed.contains($0) }
            problems += replay.missing.map(Self.missing)
            problems += replay.damaged.map { "dead letter \($0) is damaged: it can be shown, but not sent" }
        }
        switch choice {
        case .some(let ids):
            for start in stride(from: 0, to: ids.count, by: Self.page) {
                try replay(Array(ids[start..<min(start + Self.page, ids.count)]))
            }
        case .all:
            var last: JournalID?
            while true {
                let letters = try journal.deadLetters(after: last, limit: Self.page)
                guard let end = letters.last else { break }
                try replay(letters.map(\.id))
                last = end.id
            }
        }
        return DeadLetterReply(
            output: DeadLetterText.done("replayed", replayed, asJSON: asJSON), problems: problems)
    }

    private func drop(_ ids: [JournalID], asJSON: Bool) throws(JournalRefusal) -> DeadLetterReply {
        var dropped: [JournalID] = []
        for id in ids where try journal.drop([id]) > 0 { dropped.append(id) }
        let problems = ids.filter { !dropped.contains($0) }.map(Self.missing)
        return DeadLetterReply(output: DeadLetterText.done("dropped", dropped, asJSON: asJSON), problems: problems)
    }

    private static func missing(_ id: JournalID) -> String { "there is no dead letter \(id)" }
}
