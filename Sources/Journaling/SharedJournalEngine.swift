package import Alerts

/// The part of a shared engine by which one replica posts for all: the tenure, the permit for each post, and what other
/// replicas have accepted.
///
/// Separate from `JournalEngine`, because it is used on a posting queue with a connection of its own: a permit must not wait
/// for a commit of appends. All calls are made on one queue, and block it. Each call is one statement and one
/// transaction, so that a frozen replica holds no lock. Each fails with `unavailable` only; its outcome is then unknown.
/// All calls can be repeated then. A repeated begin counts twice against the budget.
///
/// Safety rests on `exchange`, which compares the tenure in its transaction. The times of `TenureWatch` only say how soon
/// another replica takes over.
package protocol SharedJournalEngine: AnyObject {
    /// Reads who holds the tenure.
    func sight() throws(JournalStoreError) -> TenureSight
    /// Takes the tenure if it is still as it was seen: same epoch, same beat. Returns nil if it is not, because the holder
    /// lives or another replica was faster.
    ///
    /// Waits for transactions of `exchange` under the earlier tenure, and excludes later ones. So `hooks` then shows all
    /// posts that the earlier holder may have started.
    ///
    /// - Parameter replica: a name that no other process ever uses: that of the host, and a random part.
    func take(_ seen: TenureSight, as replica: String) throws(JournalStoreError) -> JournalTenure?
    /// Raises the beat. Returns false if the tenure is lost.
    func keep(_ tenure: JournalTenure) throws(JournalStoreError) -> Bool
    /// Gives the tenure up, so that others take it at their next look. Does nothing if it is lost.
    func release(_ tenure: JournalTenure) throws(JournalStoreError)

    /// The records of all hooks. Must be read after a take, before the first post.
    func hooks() throws(JournalStoreError) -> [HookKey: SharedHookRecord]
    /// Records ends and settlements of posts, and permits posts that are about to begin.
    ///
    /// In this order, in one transaction:
    /// 1. Settles what was delivered or expired, also without the tenure: rooms were shown it.
    /// 2. Compares the tenure. If it is lost, nothing else is done.
    /// 3. Settles the dead.
    /// 4. Records the ends.
    /// 5. Permits each begin whose entries are all pending, and records it. A frozen holder that wakes late settles
    ///    entries after its successor has loaded them; without this check the successor would post an older state again.
    func exchange(_ posting: PostingDraft, under tenure: JournalTenure) throws(JournalStoreError) -> PostingResult

    /// The highest pending ids of those destinations that have higher ones than these. Destinations without an entry in
    /// `known` count from the beginning.
    func newest(behind known: [Destination: JournalID]) throws(JournalStoreError) -> [Destination: JournalID]
}

/// The right of one replica to post, until another one takes it.
package struct JournalTenure: Sendable, Hashable {
    /// Raised by each take.
    package var epoch: Int64
    package var holder: String

    package init(epoch: Int64, holder: String) {
        self.epoch = epoch
        self.holder = holder
    }
}

/// The tenure as it was read.
package struct TenureSight: Sendable, Hashable {
    package var epoch: Int64
    /// Raised by each `keep`.
    package var beat: Int64
    /// Nil if nobody holds it.
    package var holder: String?

    package init(epoch: Int64, beat: Int64, holder: String?) {
        self.epoch = epoch
        self.beat = beat
        self.holder = holder
    }
}

/// The identity of a hook in the journal: SHA-256 of its URL, which does not reveal its secret.
package struct HookKey: Sendable, Hashable {
    /// 32 bytes.
    package var bytes: [UInt8]

    package init(bytes: [UInt8]) {
        self.bytes = bytes
    }
}

/// The state of a hook that one holder of the tenure hands to the next. Times are ages by the database's clock, because
/// the clocks of replicas differ.
package struct SharedHookRecord: Sendable, Equatable {
    /// A post that began and whose end was not recorded. It may arrive yet.
    package struct Unfinished: Sendable, Equatable {
        /// The highest entry that it shows.
        package var through: JournalID
        /// `Form` of the delivery core, which the journal does not interpret.
        package var form: UInt8
        /// How long ago it was permitted.
        package var age: Duration

        package init(through: JournalID, form: UInt8, age: Duration) {
            (self.through, self.form, self.age) = (through, form, age)
        }
    }

    /// How long ago the last posts ended, or began if they have no end. The oldest first.
    package var posts: [Duration] = []
    /// How long the hook accepts no messages from now on; nil if it does.
    package var pauseLeft: Duration?
    /// How long the hook has been failing; nil if it works.
    package var failingFor: Duration?
    package var unfinished: Unfinished?

    package init(
        posts: [Duration] = [], pauseLeft: Duration? = nil, failingFor: Duration? = nil, unfinished: Unfinished? = nil
    ) {
        self.posts = posts
        self.pauseLeft = pauseLeft
        self.failingFor = failingFor
        self.unfinished = unfinished
    }
}

/// What happened at the hooks since the last exchange, and what is to happen next.
package struct PostingDraft: Sendable {
    /// A post that is about to start. A hook has at most one at a time.
    package struct Begin: Sendable {
        package var hook: HookKey
        /// The entries that must still be pending. Empty for a follow-up, whose entries are settled.
        package var entries: [JournalID]
        /// The highest entry that the post shows.
        package var through: JournalID
        /// `Form` of the delivery core, for `SharedHookRecord.Unfinished`.
        package var form: UInt8

        package init(hook: HookKey, entries: [JournalID], through: JournalID, form: UInt8) {
            (self.hook, self.entries, self.through, self.form) = (hook, entries, through, form)
        }
    }

    /// The end of a permitted post.
    package struct End: Sendable {
        package var hook: HookKey
        /// Whether the post counts against the budget of the hook: false only if no byte of it was sent.
        package var isCounted: Bool
        /// How long the hook accepts no messages; nil for no pause.
        package var pause: Duration?
        /// How long the hook has been failing; nil if it works.
        package var failingFor: Duration?

        package init(hook: HookKey, isCounted: Bool = true, pause: Duration? = nil, failingFor: Duration? = nil) {
            (self.hook, self.isCounted, self.pause, self.failingFor) = (hook, isCounted, pause, failingFor)
        }
    }

    package var ends: [End] = []
    package var settlements: [JournalTransaction.Settled] = []
    package var begins: [Begin] = []
    /// How many posts a record keeps: at least as many as the largest budget allows within its window.
    package var postsKept: Int
    /// The wall-clock time, which becomes `DeadLetter.diedAt`.
    package var at: Timestamp

    package init(
        ends: [End] = [], settlements: [JournalTransaction.Settled] = [], begins: [Begin] = [], postsKept: Int,
        at: Timestamp
    ) {
        self.ends = ends
        self.settlements = settlements
        self.begins = begins
        self.postsKept = postsKept
        self.at = at
    }
}

/// The result of `SharedJournalEngine.exchange`.
package enum PostingResult: Sendable, Equatable {
    /// These posts may start. The permit is good for `permitDuration`, counted from before it was asked for. The other
    /// begins have entries that are not pending any more: their queues must load again.
    case permitted(Set<HookKey>)
    /// Another replica holds the tenure. Nothing may be posted.
    case tenureLost

    /// How long a permit is good for. Its last check is right before the bytes of the request leave.
    package static let permitDuration = Duration.seconds(3)
    /// How long after its permit a post of an earlier holder may still arrive. Until then its hook must not be used.
    package static let quarantine = Duration.seconds(10)
}
