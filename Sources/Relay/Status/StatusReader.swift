import Alerts
import Journaling
import Support

/// Reads from the journal what the status page lists. Blocks on the journal queue, so it must not be called on the loop.
///
/// Many pages may refresh at once, and webhooks wait for the journal queue too. So a list is read once a second at most,
/// and the body of a dead letter once.
final class StatusReader: Sendable {
    /// A page of dead letters, oldest first.
    struct Letters: Sendable {
        var letters: [DeadLetterSummary] = []
        var receivers: [ReceiverID: String] = [:]
        /// The letter after which the next page starts.
        var next: JournalID?
    }

    /// The number of dead letters on a page.
    static let letterLimit = 20
    /// The number of history entries on a page.
    static let entryLimit = 50
    private static let lifetime = Duration.seconds(1)
    /// How many names of a letter are kept. A letter can have thousands.
    private static let nameLimit = 50

    private struct Cache: Sendable {
        var names = GenerationalCache<JournalID, [String]>(capacity: 256)
        var letters: Kept<JournalID?, Letters>?
        var history: Kept<HistoryQuery, HistoryPage>?
    }

    private struct Kept<Key: Sendable & Equatable, Value: Sendable>: Sendable {
        var key: Key
        var value: Value
        var at = ContinuousClock.now

        func value(of wanted: Key) -> Value? {
            wanted == key && ContinuousClock.now - at < StatusReader.lifetime ? value : nil
        }
    }

    private let journal: Intake.AlertJournal
    private let cache = Locked(Cache())

    init(_ journal: Intake.AlertJournal) { self.journal = journal }

    /// The names of the receivers that have queues.
    var receivers: [ReceiverID: String] { journal.snapshot.receivers }

    func history(_ query: HistoryQuery) throws(JournalRefusal) -> HistoryPage {
        if let kept = cache.withLock({ $0.history?.value(of: query) }) { return kept }
        let page = try journal.history(query)
        cache.withLock { $0.history = Kept(key: query, value: page) }
        return page
    }

    func letters(after: JournalID?) throws(JournalRefusal) -> Letters {
        if let kept = cache.withLock({ $0.letters?.value(of: after) }) { return kept }
        var page = Letters()
        page.receivers = receivers
        let letters = try journal.deadLetters(after: after, limit: Self.letterLimit + 1)
        for letter in letters.prefix(Self.letterLimit) {
            page.letters.append(DeadLetterSummary(letter, names: try names(of: letter)))
        }
        if letters.count > Self.letterLimit { page.next = page.letters.last?.letter.id }
        let read = page
        cache.withLock { $0.letters = Kept(key: after, value: read) }
        return page
    }

    /// Forgets what changes when dead letters are replayed or dropped.
    func forgetLists() {
        cache.withLock { cache in
            cache.letters = nil
            cache.history = nil
        }
    }

    private func names(of letter: DeadLetter) throws(JournalRefusal) -> [String] {
        if let known = cache.withLock({ $0.names[letter.id] }) { return known }
        let content = try journal.deadLetter(letter.id)
        let names = content.map { DeadLetterSummary($0, parser: WebhookParser()).names } ?? []
        let kept = Array(names.prefix(Self.nameLimit))
        cache.withLock { $0.names.remember(letter.id, kept) }
        return kept
    }
}
