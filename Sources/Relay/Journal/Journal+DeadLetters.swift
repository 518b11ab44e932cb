/// Work on dead letters. Each call waits for the journal's queue: never make one on the loop.
extension Journal {
    /// In the order of their ids, from behind `after`.
    func deadLetters(after: JournalID? = nil, limit: Int) throws(JournalRefusal) -> [DeadLetter] {
        try withWriter { writer in
            writer.attempt { store throws(JournalStoreError) in try store.deadLetters(after: after, limit: limit) }
        }.get()
    }

    /// Nil where there is none with this id.
    func deadLetter(_ id: JournalID) throws(JournalRefusal) -> DeadLetterContent? {
        try withWriter { writer in
            writer.attempt { store throws(JournalStoreError) in try store.deadLetter(id) }
        }.get()
    }

    /// Which of these dead letters there are, in one visit to the journal's queue: name a thousand at a time.
    func existing(_ ids: [JournalID]) throws(JournalRefusal) -> Set<JournalID> {
        try withWriter { writer in
            writer.attempt { store throws(JournalStoreError) in
                var existing: Set<JournalID> = []
                for id in ids {
                    let behind = JournalID(rawValue: id.rawValue - 1)
                    if try store.deadLetters(after: behind, limit: 1).first?.id == id { existing.insert(id) }
                }
                return existing
            }
        }.get()
    }

    /// Makes dead letters pending again, under new ids; dispatch what comes back. All of them are in memory at once,
    /// so name a hundred at a time.
    func replay(_ ids: [JournalID]) throws(JournalRefusal) -> Replay<Journaled<Notification>> {
        try withWriter { $0.replay(ids) }.get()
    }

    /// Deletes dead letters for good and says how many there were.
    func drop(_ ids: [JournalID]) throws(JournalRefusal) -> Int {
        try withWriter { writer in
            writer.attempt { store throws(JournalStoreError) in try store.drop(ids) }
        }.get()
    }
}
