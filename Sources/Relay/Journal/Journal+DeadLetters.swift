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
