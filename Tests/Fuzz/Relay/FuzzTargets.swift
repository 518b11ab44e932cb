import Glibc

@testable import Alerts
@testable import ChatOps
@testable import Journaling
@testable import Libevent
@testable import Posting
@testable import Relay
@testable import RocketChat
@testable import SQLiteJournal
@testable import Support

/// Parsers of input from clients, servers and operators. A trap or a failed precondition is a finding.
enum FuzzTargets {
    static let all: [String: @Sendable ([UInt8]) -> Void] = [
        "answers": answers, "commands": commands, "fields": fields, "matchers": matchers, "packed": packed,
        "requests": requests,
        "settings": settings, "timestamps": timestamps, "webhooks": webhooks,
    ]

    static let chosen = all[getenv("RELAY_FUZZ_TARGET").map { String(cString: $0) } ?? ""] ?? { _ in }

    private static func lines(_ bytes: [UInt8]) -> [String] {
        bytes.split(separator: 10, omittingEmptySubsequences: false).map { String(decoding: $0, as: UTF8.self) }
    }

    /// A webhook body: parsing, splitting and rendering.
    @Sendable static func webhooks(_ bytes: [UInt8]) {
        let parser = WebhookParser()
        let now = Timestamp(seconds: 1_800_000_000, nanoseconds: 0)
        guard let batch = try? parser.parse(bytes, acceptedAt: now) else { return }
        var alerts = 0
        for notification in batch.notifications {
            guard let payload = try? parser.decode(notification.body) else { fatalError("a part cannot be read") }
            alerts += payload.alerts.count + payload.countedAlerts.values.reduce(0) { $0 + $1.total }
            for annotations in AnnotationMarkup.allCases {
                var settings = PostingSettings().renderSettings
                settings.annotations = annotations
                let composer = MessageComposer(
                    payload, severity: notification.severity, settings: settings, now: now)
                _ = (composer.message().json(), composer.plainMessage().json())
            }
        }
        precondition(alerts == batch.alerts, "alerts were lost")
    }

    /// A request's head, followed by a chunked body. Both must be parsed alike in pieces and as a whole.
    @Sendable static func requests(_ bytes: [UInt8]) {
        bytes.withUnsafeBufferPointer { all in
            let whole = headEnd(all, piece: all.count)
            precondition(headEnd(all, piece: 3) == whole, "a head in pieces ends elsewhere")
            let end = whole.flatMap(\.self) ?? 0
            if end > 0 {
                let head = UnsafeBufferPointer(rebasing: all[..<end])
                if let parsed = try? HTTPHead(parsing: head, fieldLimit: 100) {
                    precondition(parsed.target.upperBound <= end && parsed.method.mayHaveBody || parsed.body == .none)
                    _ = HTTPRequestHead(parsed, Array(head))
                    _ = HTTPFields(bytes: Array(head)).all("x-forwarded-for")
                }
            }
            let body = UnsafeBufferPointer(rebasing: all[end...])
            precondition(decode(body, piece: 1) == decode(body, piece: max(1, body.count)), "pieces are read otherwise")
        }
    }

    /// The end of the head; `.some(nil)` if it is incomplete, nil if it is refused.
    private static func headEnd(_ bytes: UnsafeBufferPointer<UInt8>, piece: Int) -> Int?? {
        var line = 0
        var arrived = 0
        repeat {
            arrived = min(bytes.count, arrived + max(1, piece))
            do {
                if let end = try HTTPHead.end(in: UnsafeBufferPointer(rebasing: bytes[..<arrived]), line: &line) {
                    return .some(end)
                }
            } catch {
                return nil
            }
        } while arrived < bytes.count
        return .some(nil)
    }

    private struct Decoded: Equatable {
        var total = 0
        var end: Int?
        var isRefused = false
    }

    private static func decode(_ bytes: UnsafeBufferPointer<UInt8>, piece: Int) -> Decoded {
        var chunks = HTTPChunks(bodyLimit: 10_000, overheadLimit: 100, trailerLimit: 3)
        var index = 0
        while index < bytes.count {
            let slice = UnsafeBufferPointer(rebasing: bytes[index..<min(bytes.count, index + piece)])
            var consumed = 0
            do {
                switch try chunks.advance(over: slice, from: &consumed) {
                case .end: return Decoded(total: chunks.total, end: index + consumed)
                case .data(let count): index += consumed + count
                case .needsMore: index += consumed
                }
            } catch {
                return Decoded(isRefused: true)
            }
        }
        return Decoded(total: chunks.total)
    }

    @Sendable static func packed(_ bytes: [UInt8]) {
        guard let body = try? ContentCoding.zlib.decode(bytes, limit: 100_000) else { return }
        precondition(body.count <= 100_000, "the limit does not hold")
    }

    /// A list of matchers on the first line, and a label's value on the second.
    @Sendable static func matchers(_ bytes: [UInt8]) {
        let lines = lines(bytes)
        guard let matchers = try? LabelMatcher.parse(lines[0]) else { return }
        for matcher in matchers {
            _ = matcher.matches([matcher.name: lines.count > 1 ? lines[1] : ""])
            guard let again = try? LabelMatcher.parse(matcher.description), again == [matcher] else {
                fatalError("\(matcher) cannot be read again")
            }
        }
    }

    /// A server's response: status, Retry-After, Date, three X-RateLimit headers and the body.
    @Sendable static func answers(_ bytes: [UInt8]) {
        let lines = lines(bytes)
        func line(_ number: Int) -> String? { lines.count > number && !lines[number].isEmpty ? lines[number] : nil }
        let body = bytes.split(separator: 10, maxSplits: 6, omittingEmptySubsequences: false)
        var answer = HookResponse(status: line(0).flatMap { Int($0) } ?? 200)
        answer.retryAfter = line(1)
        answer.date = line(2)
        answer.rateLimit = .init(limit: line(3), remaining: line(4), reset: line(5))
        answer.body = body.count > 6 ? Array(body[6]) : []
        let now = Timestamp(seconds: 1_800_000_000, nanoseconds: 0)
        guard let hook = try? HookURL("https://chat.example.com/hooks/id/token") else { return }
        let outcome = ResponseClassifier(hook: hook).outcome(of: .success(answer), now: now)
        if case .rateLimited(let wait) = outcome {
            precondition(wait >= .zero && wait <= RateLimitHint.longest, "a wait out of range")
        }
        _ = ResponseJSON(bytes)
    }

    /// A command as a person types it, and the same bytes as the body of an outgoing webhook and as lists of Alertmanager.
    @Sendable static func commands(_ bytes: [UInt8]) {
        let longest = Duration.seconds(604_800)
        do throws(ChatCommand.Invalid) {
            let command = try CommandParser(longest: longest).parse(String(decoding: bytes, as: UTF8.self))
            if case .silence(let silence) = command {
                precondition((.seconds(60)...longest).contains(silence.duration), "a duration out of range")
                if case .matchers(let matchers) = silence.selection { precondition(!matchers.isEmpty, "no matcher") }
            }
        } catch {
            precondition(RoomAnswers.refusal(error.description).utf16.count <= 450, "a long answer")
        }
        _ = try? OutgoingWebhook(bytes).link()
        try? AlertmanagerJSON.alerts(in: bytes) { _ in }
        try? AlertmanagerJSON.silences(in: bytes) { silence in
            precondition(!silence.id.contains("/"), "an id leaves its path")
        }
    }

    /// Authorization on the first line, X-Forwarded-For on the others.
    @Sendable static func fields(_ bytes: [UInt8]) {
        let lines = lines(bytes)
        _ = BasicCredentials(authorization: lines[0])
        _ = BearerAuthentication(tokens: [Secret("token")]).admits(authorization: lines[0])
        guard let proxies = try? NetworkList(["10.0.0.0/8", "::1/128"]) else { return }
        for peer in ["10.0.0.1", "::1"] {
            let client = ClientAddress(peer: peer, forwardedFor: Array(lines.dropFirst()), trustedProxies: proxies)
            _ = client.source
            precondition(client.address != nil, "a peer's address is lost")
        }
        _ = FormFields(bytes)["q"]
        for line in lines {
            _ = FormGuard.isForeign(site: nil, origin: line, host: lines[0])
            _ = IPAddress(line)
            _ = try? IPNetwork(line)
        }
    }

    @Sendable static func timestamps(_ bytes: [UInt8]) {
        guard let time = bytes.withUnsafeBytes({ Timestamp(rfc3339: $0) }) else { return }
        precondition((0..<1_000_000_000).contains(time.nanoseconds), "nanoseconds out of range")
        _ = time.since(Timestamp(seconds: 1_800_000_000, nanoseconds: 0))
    }

    /// A configuration file, whose lines are also used as environment variables.
    @Sendable static func settings(_ bytes: [UInt8]) {
        var variables: [String: String] = [:]
        for line in lines(bytes) {
            let parts = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            // No file names: the reader would open files of this machine.
            if parts.count == 2, !parts[0].hasSuffix("_FILE"), !parts[0].contains("\0"), !parts[1].contains("\0") {
                variables[String(parts[0])] = String(parts[1])
            }
        }
        var environment = ConfigurationReader(environment: variables, readsSecrets: false)
        _ = environment.readLeniently()
        // An unlinked file in memory, which is deleted when its descriptor is closed.
        let path = "/dev/shm/relay-fuzz-\(getpid())"
        let descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { fatalError("no file for the settings") }
        unlink(path)
        defer { close(descriptor) }
        _ = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        let file = SettingsFile(path: "/proc/self/fd/\(descriptor)")
        var reader = ConfigurationReader(environment: [:], file: file, readsSecrets: false)
        _ = reader.readLeniently()
    }
}
