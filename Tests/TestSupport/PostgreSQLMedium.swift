// Modules that are built for release cannot be imported with @testable.
#if DEBUG
    import Alerts
    @testable import Journaling
    import PostgreSQLJournal
    import Support

    /// Engines on a schema of a real server.
    final class PostgreSQLMedium: EngineMedium {
        private let test: TestSchema
        private let clock = Locked(Timestamp.sample)
        private let outage = Locked<UnavailableReason?>(nil)
        private let isAnswerLost = Locked(false)

        init() throws {
            test = try TestSchema(on: SharedServer.get())
        }

        let isShared = true
        var now: Timestamp { clock.withLock { $0 } }

        func engine(window: Duration) throws -> any JournalEngine {
            PostgreSQLEngine(link(), window: window, figuresInterval: .zero)
        }

        func posting() throws -> any SharedJournalEngine { PostgreSQLPosting(link()) }

        private func link() -> any DatabaseLink {
            MediumLink(test, outage, isAnswerLost)
        }

        /// Moves all times of the server into the past.
        func pass(_ time: Duration) throws {
            clock.withLock { $0 = $0.after(time) }
            let shift = "interval '\(time.components.seconds) seconds'"
            try test.server.admin("UPDATE \(test.schema.name).seen SET at = at - \(shift)")
            try test.server.admin(
                """
                UPDATE \(test.schema.name).hook SET paused_until = paused_until - \(shift),
                    failing_since = failing_since - \(shift), posting_since = posting_since - \(shift),
                    posts = ARRAY(SELECT p - \(shift) FROM unnest(posts) WITH ORDINALITY AS u (p, place) ORDER BY place)
                """)
        }

        func fail(_ reason: UnavailableReason?) { outage.withLock { $0 = reason } }

        /// The next append or exchange takes longer than its deadline. The server commits it.
        func loseNextAnswer() throws {
            isAnswerLost.withLock { $0 = true }
            try test.server.admin(
                """
                CREATE FUNCTION \(test.schema.name).slow() RETURNS trigger LANGUAGE plpgsql AS $function$
                BEGIN
                    PERFORM pg_sleep(1);
                    RETURN NULL;
                END
                $function$
                """)
            for table in ["notification", "hook"] {
                try test.server.admin(
                    """
                    CREATE TRIGGER slow AFTER INSERT ON \(test.schema.name).\(table)
                    FOR EACH STATEMENT EXECUTE FUNCTION \(test.schema.name).slow()
                    """)
            }
        }
    }

    /// Connects at the first call, and after an error.
    private final class MediumLink: DatabaseLink {
        private let test: TestSchema
        private let outage: Locked<UnavailableReason?>
        private let isAnswerLost: Locked<Bool>
        private var open: DatabaseJournal?

        init(_ test: TestSchema, _ outage: Locked<UnavailableReason?>, _ isAnswerLost: Locked<Bool>) {
            (self.test, self.outage, self.isAnswerLost) = (test, outage, isAnswerLost)
        }

        func journal() throws(JournalStoreError) -> DatabaseJournal {
            if let reason = outage.withLock({ $0 }) { throw .unavailable(reason) }
            let isLost = isAnswerLost.withLock { isLost in
                defer { isLost = false }
                return isLost
            }
            if let open, open.connection.isOpen, !isLost { return open }
            do {
                let journal = try test.journal(patience: isLost ? .milliseconds(300) : .seconds(20))
                open = isLost ? nil : journal
                return journal
            } catch {
                throw .unavailable(.connection)
            }
        }

        func failed(_ failure: PostgreSQLFailure) {
            if !failure.keepsConnection { open = nil }
        }
    }
#endif
