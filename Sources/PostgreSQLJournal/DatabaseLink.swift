package import Journaling

/// Where an engine finds its connection. It must be used on the engine's queue.
package protocol DatabaseLink: AnyObject {
    /// Returns the journal over an open connection. Does not wait: fails with `unavailable` if there is none yet.
    func journal() throws(JournalStoreError) -> DatabaseJournal
    /// Called after each failed call.
    func failed(_ failure: PostgreSQLFailure)
}

extension DatabaseLink {
    /// Calls the journal, and reports an error to the link.
    func call<Value>(
        _ body: (DatabaseJournal) throws(PostgreSQLFailure) -> Value
    ) throws(JournalStoreError) -> Value {
        let journal = try journal()
        do throws(PostgreSQLFailure) {
            return try body(journal)
        } catch {
            failed(error)
            throw .unavailable(UnavailableReason(error))
        }
    }
}

extension UnavailableReason {
    init(_ failure: PostgreSQLFailure) {
        self =
            switch failure.reason {
            case .lost: failure == .deadline ? .timedOut : .connection
            case .unreachable, .access: .connection
            case .readOnly: .readOnly
            case .busy: .busy
            case .diskFull: .diskFull
            case .schema: .schema
            case .notDurable: .durability
            case .other: .other
            }
    }
}
