import Dispatch
import Testing

@testable import Relay
@testable import Support

@Suite struct BasicAuthenticationTests {
    private static let grace = "grace:$2y$04$sJQmUvBZXwnZelRh/fSx8uAPJMAY3TGjfdnJSFp0SO4Ma8icGJKyC"
    private static let heidi = "heidi:$2y$05$iFA4ZnAwhyf0zXbaDHyMre4/6iMYwomkg0DPYoxRKq0CmBZdSHGte"
    private static let ivan = "ivan:$2y$05$Yl8u/0C.RJzwJCKcoBtI4e55VwVxRhcaVBSC6BeQ3.bkmN.JcLUaG"

    private static func make(
        _ entries: [String] = [grace, heidi, ivan], waitingLimit: Int = 16,
        queue: DispatchQueue = DispatchQueue(label: "test")
    ) throws -> BasicAuthentication {
        try BasicAuthentication(entries.map { Secret($0) }, waitingLimit: waitingLimit, queue: queue)
    }

    private static func credentials(_ user: String, _ password: String) throws -> BasicCredentials {
        let encoded = base64(Array("\(user):\(password)".utf8))
        return try #require(BasicCredentials(authorization: "Basic \(encoded)"))
    }

    @Test(arguments: [
        ("grace", "correct horse:battery"), ("heidi", "pässwörd"), ("ivan", String(repeating: "x", count: 80)),
        ("ivan", String(repeating: "x", count: 72)),
    ])
    func correctPasswordIsAdmittedAndRemembered(user: String, password: String) async throws {
        let authentication = try Self.make()
        let credentials = try Self.credentials(user, password)
        #expect(!authentication.isProven(credentials))
        #expect(await authentication.outcome(of: credentials) == .admitted)
        #expect(authentication.isProven(credentials))
        #expect(await authentication.outcome(of: credentials) == .admitted)
    }

    @Test(arguments: [
        ("grace", "correct horse:batterz"), ("grace", "correct horse"), ("heidi", "correct horse:battery"),
        ("heidi", "pa\u{308}sswo\u{308}rd"), ("GRACE", "correct horse:battery"), ("mallory", "correct horse:battery"),
        ("", "correct horse:battery"), ("ivan", String(repeating: "x", count: 71)),
    ])
    func wrongCredentialsAreNeitherAdmittedNorRemembered(user: String, password: String) async throws {
        let authentication = try Self.make()
        let credentials = try Self.credentials(user, password)
        for _ in 0..<2 {
            #expect(await authentication.outcome(of: credentials) == .refused)
            #expect(!authentication.isProven(credentials))
        }
    }

    @Test func provenCredentialsSurviveGuessesAndBelongToOneUser() async throws {
        let authentication = try Self.make()
        let proven = try Self.credentials("grace", "correct horse:battery")
        #expect(await authentication.outcome(of: proven) == .admitted)
        for number in 0..<20 {
            #expect(await authentication.outcome(of: try Self.credentials("grace", "guess \(number)")) == .refused)
        }
        #expect(authentication.isProven(proven))
        #expect(!authentication.isProven(try Self.credentials("heidi", "correct horse:battery")))
        #expect(!authentication.isProven(try Self.credentials("grace", "correct horse:batter")))
    }

    @Test func unknownUserIsRefusedWithAKnownPassword() async throws {
        let authentication = try Self.make([Self.grace])
        #expect(await authentication.outcome(of: try Self.credentials("x", "correct horse:battery")) == .refused)
    }

    @Test func withoutUsersNobodyIsAdmitted() async throws {
        let authentication = try Self.make([])
        #expect(authentication.isEmpty)
        #expect(await authentication.outcome(of: try Self.credentials("grace", "correct horse:battery")) == .refused)
    }

    @Test func oneCheckServesIdenticalCredentials() async throws {
        let queue = DispatchQueue(label: "held")
        let authentication = try Self.make(waitingLimit: 1, queue: queue)
        let credentials = try Self.credentials("grace", "correct horse:battery")
        queue.suspend()
        let (outcomes, feed) = AsyncStream.makeStream(of: BasicAuthentication.Outcome.self)
        for _ in 0..<50 { authentication.prove(credentials) { feed.yield($0) } }
        queue.resume()
        var count = 0
        for await outcome in outcomes {
            #expect(outcome == .admitted)
            count += 1
            if count == 50 { break }
        }
    }

    @Test func checksBeyondTheLimitAreBusy() async throws {
        let queue = DispatchQueue(label: "held")
        let authentication = try Self.make(waitingLimit: 3, queue: queue)
        queue.suspend()
        let (outcomes, feed) = AsyncStream.makeStream(of: BasicAuthentication.Outcome.self)
        for number in 0..<3 {
            authentication.prove(try Self.credentials("grace", "guess \(number)")) { feed.yield($0) }
        }
        // The queue is suspended, so the outcome comes before the call returns.
        let late = try Self.credentials("grace", "correct horse:battery")
        #expect(await authentication.outcome(of: late) == .busy)
        #expect(!authentication.isProven(late))
        queue.resume()
        var refused = 0
        for await outcome in outcomes {
            #expect(outcome == .refused)
            refused += 1
            if refused == 3 { break }
        }
        #expect(await authentication.outcome(of: late) == .admitted)
    }

    @Test func provenCredentialsPassWhileTheQueueIsFull() async throws {
        let queue = DispatchQueue(label: "held")
        let authentication = try Self.make(waitingLimit: 1, queue: queue)
        let proven = try Self.credentials("grace", "correct horse:battery")
        #expect(await authentication.outcome(of: proven) == .admitted)
        queue.suspend()
        authentication.prove(try Self.credentials("grace", "guess")) { _ in }
        #expect(authentication.isProven(proven))
        #expect(await authentication.outcome(of: proven) == .admitted)
        queue.resume()
    }

    @Test(arguments: [
        (["grace"], "entry 1 is not of the form user:bcrypt-hash"),
        ([grace, String(grace.dropFirst(6))], "entry 2 is not of the form user:bcrypt-hash"),
        ([String(grace.dropFirst(5))], "entry 1 names no user before the colon"),
        ([String(grace.dropFirst(6)) + ":grace"], "entry 1 begins with a hash"),
        (["a\nb" + grace.dropFirst(5)], "entry 1 holds a control character"),
        ([grace, heidi, grace], "user \"grace\" is given more than once"),
        (["grace:correct horse"], "user \"grace\" has no bcrypt hash"),
        ([grace + " "], "user \"grace\" has no bcrypt hash"),
        (["a:" + grace], "user \"a\" has no bcrypt hash"),
        (
            ["judy:$2y$17$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"],
            "user \"judy\" has a bcrypt hash of cost 17, which takes seconds to check; the highest allowed is 14"
        ),
    ])
    func invalidEntryIsReportedWithoutItsHash(entries: [String], message: String) throws {
        let error = try #require(throws: BasicAuthenticationError.self) { _ = try Self.make(entries) }
        #expect("\(error)".hasPrefix(message))
        for hash in ["sJQmUvBZXwnZelRh", "iFA4ZnAwhyf0zXba", "CCCCCCCC", "correct horse"] {
            #expect(!"\(error)".contains(hash))
        }
    }
}

extension BasicAuthentication {
    fileprivate func outcome(of credentials: BasicCredentials) async -> Outcome {
        await withCheckedContinuation { continuation in
            prove(credentials) { continuation.resume(returning: $0) }
        }
    }
}
