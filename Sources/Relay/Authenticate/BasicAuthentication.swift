import Alerts
import Dispatch
import Journaling
import RocketChat
import SQLiteJournal
import Support

/// Tells whether a user and password are of the configured users, who are known by bcrypt hashes, as in Prometheus's
/// `basic_auth_users`.
///
/// bcrypt takes long on purpose, so it runs on a queue of its own, one check at a time, and what is proven once is
/// remembered: `isProven` answers on the loop. A user has one password, so that one memory a user is enough, and no
/// stranger can drive it out. It holds a keyed digest, never the password, and ends with the process: another
/// configuration takes over what was proven of users whose hash is the same (`adoptProofs`). Passwords that proved wrong
/// are remembered too, so that none is checked twice.
final class BasicAuthentication: Sendable {
    enum Outcome: Sendable, Equatable {
        case admitted
        case refused
        /// Nothing was found out, since too many checks wait. The client may come again.
        case busy
        /// Nothing was found out, since libcrypt could not compute.
        case failed(BcryptHash.Failure)
    }

    private struct Checks {
        /// By user: the digest of the credentials that were proven.
        var proven: [[UInt8]: [UInt8]] = [:]
        /// By digest of the credentials: who waits for the one check of them.
        var waiting: [[UInt8]: [@Sendable (Outcome) -> Void]] = [:]
        /// Credentials of users that proved wrong, and in a memory of their own those of others, which strangers can fill.
        var wrong = GenerationalCache<HMACSHA256.Short, Bool>(capacity: 8192)
        var wrongOfOthers = GenerationalCache<HMACSHA256.Short, Bool>(capacity: 8192)
        /// Checks that are imitated now.
        var imitations = 0
        /// What the last check took for each of the 2^cost rounds. A check of cost 10 takes 60 ms (decision 12).
        var timeOfRound = Duration.microseconds(60)
    }

    /// How many imitations of a check may be under way.
    private static let imitationLimit = 64

    private let hashes: [[UInt8]: BcryptHash]
    /// The hashes that stand in for those of unknown users.
    private let standIns: [BcryptHash]
    private let keyed = HMACSHA256.ofProcess
    private let checks = Locked(Checks())
    private let waitingLimit: Int
    private let queue: DispatchQueue

    /// Without users: nobody is admitted.
    init() {
        hashes = [:]
        standIns = []
        waitingLimit = 0
        queue = DispatchQueue(label: "basic-authentication")
    }

    /// - Parameters:
    ///   - entries: `user:bcrypt-hash` each; with none, nobody is admitted.
    ///   - waitingLimit: how many different credentials may wait for their check. 16 of cost 10 take a second, of the
    ///     highest cost a quarter of a minute, which is less than proxies and Alertmanager wait.
    ///   - queue: a serial one.
    init(
        _ entries: [Secret], waitingLimit: Int = 16,
        queue: DispatchQueue = DispatchQueue(label: "basic-authentication")
    ) throws(BasicAuthenticationError) {
        var hashes: [[UInt8]: BcryptHash] = [:]
        for (index, secret) in entries.enumerated() {
            let (user, hash) = try Self.read(secret, entry: index + 1)
            guard hashes.updateValue(hash, forKey: Array(user.utf8)) == nil else {
                throw BasicAuthenticationError(entry: index + 1, user: user, problem: .repeated)
            }
        }
        self.hashes = hashes
        standIns = Array(hashes.values)
        self.waitingLimit = waitingLimit
        self.queue = queue
    }

    var isEmpty: Bool { hashes.isEmpty }
    /// How many users there are.
    var count: Int { hashes.count }

    /// Whether these credentials have been proven before. Takes microseconds.
    func isProven(_ credentials: BasicCredentials) -> Bool {
        let digest = digest(of: credentials)
        return checks.withLock { Self.isProven(digest, of: credentials.user, in: $0) }
    }

    /// Whether these credentials proved wrong not long ago.
    func isKnownWrong(_ credentials: BasicCredentials) -> Bool {
        let digest = HMACSHA256.Short(digest(of: credentials))
        return checks.withLock { $0.wrong[digest] ?? $0.wrongOfOthers[digest] } ?? false
    }

    /// What the budgets of checks go by.
    func attempt(_ credentials: BasicCredentials, from source: ClientAddress.Source) -> PasswordBudget.Attempt {
        PasswordBudget.Attempt(
            account: PasswordBudget.Account(source: source, user: shortDigest(of: credentials.user)),
            credentials: HMACSHA256.Short(digest(of: credentials)), isKnownUser: hashes[credentials.user] != nil)
    }

    /// Takes over what another configuration proved, for users whose hash is the same in both.
    ///
    /// - Returns: the digests of those users, as in `PasswordBudget.Account`.
    @discardableResult
    func adoptProofs(of other: BasicAuthentication) -> Set<HMACSHA256.Short> {
        let unchanged = hashes.filter { other.hashes[$0.key] == $0.value }.map(\.key)
        let proven = other.checks.withLock { $0.proven }
        checks.withLock { checks in
            for user in unchanged { checks.proven[user] = proven[user] ?? checks.proven[user] }
        }
        return Set(unchanged.map(shortDigest))
    }

    /// Refuses credentials of a user that does not exist, as late as if they had been checked and without their cost.
    func imitate(_ credentials: BasicCredentials, completion: @escaping @Sendable (Outcome) -> Void) {
        let cost = standIn(for: credentials.user).cost
        let time: Duration? = checks.withLock { checks in
            guard checks.imitations < Self.imitationLimit else { return nil }
            checks.imitations += 1
            return checks.timeOfRound * (1 << cost)
        }
        guard let time else { return completion(.busy) }
        let digest = HMACSHA256.Short(digest(of: credentials))
        DispatchQueue.global().asyncAfter(deadline: .now() + time.dispatch) {
            self.checks.withLock { checks in
                checks.imitations -= 1
                checks.wrongOfOthers.remember(digest, true)
            }
            completion(.refused)
        }
    }

    /// Checks credentials, and calls back once: from the private queue, or before it returns where there is nothing to
    /// wait for. Those who ask for the same credentials at once share one check.
    func prove(_ credentials: BasicCredentials, completion: @escaping @Sendable (Outcome) -> Void) {
        if isEmpty { return completion(.refused) }
        let digest = digest(of: credentials)
        let (outcome, isFirst): (Outcome?, Bool) = checks.withLock { checks in
            if Self.isProven(digest, of: credentials.user, in: checks) { return (.admitted, false) }
            if checks.waiting[digest] != nil {
                checks.waiting[digest]?.append(completion)
                return (nil, false)
            }
            if checks.waiting.count >= waitingLimit { return (.busy, false) }
            checks.waiting[digest] = [completion]
            return (nil, true)
        }
        if let outcome { return completion(outcome) }
        if isFirst { queue.async { self.check(credentials, digest) } }
    }

    private func check(_ credentials: BasicCredentials, _ digest: [UInt8]) {
        dispatchPrecondition(condition: .onQueue(queue))
        let outcome = compute(credentials)
        let waiting = checks.withLock { checks in
            switch outcome {
            case .admitted: checks.proven[credentials.user] = digest
            case .refused where hashes[credentials.user] != nil: checks.wrong.remember(HMACSHA256.Short(digest), true)
            case .refused: checks.wrongOfOthers.remember(HMACSHA256.Short(digest), true)
            case .busy, .failed: break
            }
            return checks.waiting.removeValue(forKey: digest) ?? []
        }
        for completion in waiting { completion(outcome) }
    }

    private func compute(_ credentials: BasicCredentials) -> Outcome {
        let known = hashes[credentials.user]
        let hash = known ?? standIn(for: credentials.user)
        let start = ContinuousClock.now
        do {
            let matches = try hash.matches(credentials.password)
            let time = ContinuousClock.now - start
            checks.withLock { $0.timeOfRound = time / (1 << hash.cost) }
            return matches && known != nil ? .admitted : .refused
        } catch {
            return .failed(error)
        }
    }

    /// The hash that an unknown user is checked against, so that the time does not tell who is known. It is the same
    /// whenever a name is tried again: where hashes differ in cost, a stranger's name takes the time of some user's.
    private func standIn(for user: [UInt8]) -> BcryptHash {
        standIns[Int(keyed.digest(user)[0]) % standIns.count]
    }

    private func shortDigest(of user: [UInt8]) -> HMACSHA256.Short { HMACSHA256.Short(keyed.digest(user)) }

    /// Of as much of the password as bcrypt reads, so that a user has one digest that can be proven.
    private func digest(of credentials: BasicCredentials) -> [UInt8] {
        keyed.digest(credentials.user, Array(credentials.password.prefix(BcryptHash.passwordLimit)))
    }

    private static func isProven(_ digest: [UInt8], of user: [UInt8], in checks: Checks) -> Bool {
        checks.proven[user].map { HMACSHA256.isEqual($0, digest) } ?? false
    }

    private static func read(_ secret: Secret, entry: Int) throws(BasicAuthenticationError) -> (String, BcryptHash) {
        func wrong(_ problem: BasicAuthenticationError.Problem, _ user: String? = nil) -> BasicAuthenticationError {
            BasicAuthenticationError(entry: entry, user: user, problem: problem)
        }
        let text = secret.revealed
        guard let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")) else { throw wrong(.noColon) }
        let user = String(text[..<colon])
        if user.isEmpty { throw wrong(.noUser) }
        // Whatever stands before the colon is shown in errors, so it must not be a hash.
        if user.hasPrefix("$") { throw wrong(.hashFirst) }
        if user.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) { throw wrong(.controlCharacter) }
        do {
            return (user, try BcryptHash(text[text.utf8.index(after: colon)...]))
        } catch {
            switch error {
            case .form: throw wrong(.notBcrypt, user)
            case .cost(let cost): throw wrong(.cost(cost), user)
            }
        }
    }
}

/// What is wrong with an entry of the users. It never holds a hash, nor anything that could be one.
struct BasicAuthenticationError: Error, Equatable, CustomStringConvertible {
    enum Problem: Equatable {
        case noColon
        case noUser
        case hashFirst
        case controlCharacter
        case repeated
        case notBcrypt
        case cost(Int)

        var explanation: String {
            switch self {
            case .noColon: "is not of the form user:bcrypt-hash"
            case .noUser: "names no user before the colon"
            case .hashFirst: "begins with a hash; the user comes first, as in user:bcrypt-hash"
            case .controlCharacter: "holds a control character"
            case .repeated: "is given more than once"
            case .notBcrypt: "has no bcrypt hash ($2a$, $2b$ or $2y$, 60 characters); htpasswd -nB makes one"
            case .cost(let cost):
                "has a bcrypt hash of cost \(cost), which takes seconds to check; "
                    + "the highest allowed is \(BcryptHash.costs.upperBound)"
            }
        }
    }

    /// Counted from 1.
    let entry: Int
    /// Nil where it is not certain to be a name.
    let user: String?
    let problem: Problem

    var description: String {
        "\(user.map { "user \"\($0)\"" } ?? "entry \(entry)") \(problem.explanation)"
    }
}
