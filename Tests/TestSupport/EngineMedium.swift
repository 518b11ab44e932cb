// Modules that are built for release cannot be imported with @testable.
#if DEBUG
    package import Alerts
    @testable package import Journaling
    import Support

    /// The storage of an engine under test, which outlives each engine. `JournalEngineTests` opens engines on it one after
    /// the other, those of a shared one also at once.
    package protocol EngineMedium: Sendable {
        /// Whether several engines can be open at once.
        var isShared: Bool { get }
        /// The time for drafts.
        var now: Timestamp { get }

        /// Creates an engine, which is not open yet.
        func engine(window: Duration) throws -> any JournalEngine
        /// Creates the posting part of a shared engine.
        func posting() throws -> any SharedJournalEngine
        /// Lets time pass for dedupe windows and the ages of records.
        func pass(_ time: Duration) throws
        /// Lets the calls of all engines of a shared medium fail with a reason, or work again.
        func fail(_ reason: UnavailableReason?) throws
        /// Stores the next commit of a shared medium, and loses the answer.
        func loseNextAnswer() throws
    }

    extension EngineMedium {
        /// An open engine.
        package func open(window: Duration = .seconds(60)) throws -> any JournalEngine {
            let engine = try engine(window: window)
            _ = try engine.open(at: now)
            return engine
        }
    }

    /// The kinds of engines. An engine joins the conformance suite with a case.
    package enum EngineKind: String, CaseIterable, Sendable {
        case embeddedMemory = "embedded, memory"
        case embeddedSQLite = "embedded, SQLite"
        case sharedMemory = "shared, memory"
        case postgreSQL = "shared, PostgreSQL"

        /// Without PostgreSQL where it is not installed, as `PostgreSQLTests` report.
        package static let allCases: [EngineKind] =
            [.embeddedMemory, .embeddedSQLite, .sharedMemory] + (PostgreSQLPrograms.areUsable ? [.postgreSQL] : [])
        package static let shared = allCases.filter(\.isShared)

        package var isShared: Bool { self == .sharedMemory || self == .postgreSQL }

        /// An empty medium.
        package func medium() throws -> any EngineMedium {
            switch self {
            case .embeddedMemory:
                let disk = Locked(MemoryJournalStore.Content())
                return EmbeddedMedium { MemoryJournalStore(disk: disk) }
            case .embeddedSQLite:
                let spool = TemporarySpool()
                return EmbeddedMedium { spool.store() }
            case .sharedMemory:
                return SharedMemoryMedium()
            case .postgreSQL:
                return try PostgreSQLMedium()
            }
        }
    }

    /// Stores that an `EmbeddedEngine` uses, one at a time.
    private final class EmbeddedMedium: EngineMedium {
        private let clock = Locked(Timestamp.sample)
        private let store: @Sendable () -> any JournalStore

        init(_ store: @escaping @Sendable () -> any JournalStore) {
            self.store = store
        }

        let isShared = false
        var now: Timestamp { clock.withLock { $0 } }

        func engine(window: Duration) throws -> any JournalEngine { EmbeddedEngine(store(), window: window) }
        func posting() throws -> any SharedJournalEngine { throw JournalStoreError.unavailable(.other) }
        func pass(_ time: Duration) { clock.withLock { $0 = $0.after(time) } }
        func fail(_ reason: UnavailableReason?) throws { throw JournalStoreError.unavailable(.other) }
        func loseNextAnswer() throws { throw JournalStoreError.unavailable(.other) }
    }

    /// Engines on a database in memory.
    package final class SharedMemoryMedium: EngineMedium {
        package let database = MemoryDatabase()

        package init() {}

        package let isShared = true
        package var now: Timestamp { database.control.withLock { $0.now } }

        package func engine(window: Duration) -> any JournalEngine { MemoryEngine(database, window: window) }
        package func posting() -> any SharedJournalEngine { MemoryEngine(database) }

        package func pass(_ time: Duration) {
            database.control.withLock { $0.now = $0.now.after(time) }
        }

        package func fail(_ reason: UnavailableReason?) { database.control.withLock { $0.outage = reason } }
        package func loseNextAnswer() { database.control.withLock { $0.lostAnswers = 1 } }
    }
#endif
