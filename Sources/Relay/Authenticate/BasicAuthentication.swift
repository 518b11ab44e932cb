import Dispatch
import Support

/// Checks users and passwords against configured bcrypt hashes, as in the `basic_auth_users` of Prometheus.
///
/// bcrypt is slow by design. It runs on its own serial queue, one check at a time.
///
/// Proven credentials are cached, so that `isProven` can be called on the loop. The cache has one entry per user,
/// because a user has one password; unknown users cannot evict entries. An entry is a keyed digest, never the password,
/// and does not outlive the process. After a reload `adoptProofs` copies the entries of users with an unchanged hash.
/// Wrong passwords are cached too, so that none is checked twice.
final class BasicAuthentication: Sendable {
    enum Outcome: Sendable, Equatable {
        case admitted
        case refused
        /// Not checked: too many checks are waiting. The client may retry.
        case busy
        /// Not checked: libcrypt failed.
        case failed(BcryptHash.Failure)
    }

    private struct Checks {
        /// The digest of the proven credentials, by user.
        var proven: [[UInt8]: [UInt8]] = [:]
        /// The callbacks that wait for a check, by digest of the credentials.
        var waiting: [[UInt8]: [@Sendable (Outcome) -> Void]] = [:]
        /// Wrong credentials of configured users. Those of unknown users are kept apart, because clients can fill that
        /// cache.
        var wrong = GenerationalCache<HMACSHA256.Short, Bool>(capacity: 8192)
        var wrongOfUnknownUsers = GenerationalCache<HMACSHA256.Short, Bool>(capacity: 8192)
        /// Imitated checks in progress.
        var imitations = 0
        /// The duration of the last check per round; a check has 2^cost rounds. Cost 10 takes 60 ms (decision 12).
        var durationPerRound = Duration.microseconds(60)
    }

    /// The maximum number of imitated checks in progress.
    private static let imitationLimit = 64

    private let hashes: [[UInt8]: BcryptHash]
    /// Hashes to check unknown users against.
    private let decoyHashes: [BcryptHash]
    private let keyed = HMACSHA256.ofProcess
    private let checks = Locked(Checks())
    private let waitingLimit: Int
    private let queue: DispatchQueue

    /// Has no users and admits no request.
    init() {
        hashes = [:]
        decoyHashes = []
        waitingLimit = 0
        queue = DispatchQueue(label: "basic-authentication")
    }

    /// - Parameters:
    ///   - entries: each `user:bcrypt-hash`; if empty, no request is admitted.
    ///   - waitingLimit: the maximum number of different credentials that wait for a check. 16 checks take one second
    ///     at cost 10 and a quarter of a minute at the highest cost. Proxies and Alertmanager wait longer.
    ///   - queue: a serial queue.
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
        decoyHashes = Array(hashes.values)
        self.waitingLimit = waitingLimit
        self.queue = queue
    }

    var isEmpty: Bool { hashes.isEmpty }
    /// The number of users.
    var count: Int { hashes.count }

    /// Whether these credentials were proven earlier. Takes microseconds.
    func isProven(_ credentials: BasicCredentials) -> Bool {
        let digest = digest(of: credentials)
        return checks.withLock { Self.isProven(digest, of: credentials.user, in: $0) }
    }

    /// Whether these credentials were checked recently and were wrong.
    func isKnownWrong(_ credentials: BasicCredentials) -> Bool {
        let digest = HMACSHA256.Short(digest(of: credentials))
        return checks.withLock { $0.wrong[digest] ?? $0.wrongOfUnknownUsers[digest] } ?? false
    }

    /// The input of `PasswordBudget.decide`.
    func attempt(_ credentials: BasicCredentials, from source: ClientAddress.Source) -> PasswordBudget.Attempt {
        PasswordBudget.Attempt(
            account: PasswordBudget.Account(source: source, user: shortDigest(of: credentials.user)),
            credentials: HMACSHA256.Short(digest(of: credentials)), isKnownUser: hashes[credentials.user] != nil)
    }

    /// Copies the proofs of another configuration for users whose hash is the same in both.
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

    /// Refuses credentials of an unknown user after the time of a check, without computing bcrypt.
    func imitate(_ credentials: BasicCredentials, completion: @escaping @Sendable (Outcome) -> Void) {
        let cost = decoyHash(for: credentials.user).cost
        let time: Duration? = checks.withLock { checks in
            guard checks.imitations < Self.imitationLimit else { return nil }
            checks.imitations += 1
            return checks.durationPerRound * (1 << cost)
        }
        guard let time else { return completion(.busy) }
        let digest = HMACSHA256.Short(digest(of: credentials))
        DispatchQueue.global().asyncAfter(deadline: .now() + time.dispatch) {
            self.checks.withLock { checks in
                checks.imitations -= 1
                checks.wrongOfUnknownUsers.remember(digest, true)
            }
            completion(.refused)
        }
    }

    /// Checks credentials and calls `completion` exactly once, on the private queue. If no check is needed it is called
    /// before this returns. Concurrent calls with the same credentials share one check.
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
            case .refused: checks.wrongOfUnknownUsers.remember(HMACSHA256.Short(digest), true)
            case .busy, .failed: break
            }
            return checks.waiting.removeValue(forKey: digest) ?? []
        }
        for completion in waiting { completion(outcome) }
    }

    private func compute(_ credentials: BasicCredentials) -> Outcome {
        let known = hashes[credentials.user]
        let hash = known ?? decoyHash(for: credentials.user)
        let start = ContinuousClock.now
        do {
            let matches = try hash.matches(credentials.password)
            let time = ContinuousClock.now - start
            checks.withLock { $0.durationPerRound = time / (1 << hash.cost) }
            return matches && known != nil ? .admitted : .refused
        } catch {
            return .failed(error)
        }
    }

    /// The hash to check an unknown user against, so that the time does not reveal which users exist. A name always
    /// maps to the same hash, because the costs of hashes can differ.
    private func decoyHash(for user: [UInt8]) -> BcryptHash {
        decoyHashes[Int(keyed.digest(user)[0]) % decoyHashes.count]
    }

    private func shortDigest(of user: [UInt8]) -> HMACSHA256.Short { HMACSHA256.Short(keyed.digest(user)) }

    /// Digests only the bytes of the password that bcrypt reads, so that each user has one valid digest.
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
        // The part before the colon is shown in errors, so it must not be a hash.
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

/// An invalid entry of the user list. It never contains a hash or text that could be one.
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
    /// Nil if the text may not be a user name.
    let user: String?
    let problem: Problem

    var description: String {
        "\(user.map { "user \"\($0)\"" } ?? "entry \(entry)") \(problem.explanation)"
    }
}
