import Foundation
import TestSupport
import Testing

/// A message that the mock recorded.
struct Recorded {
    var hook: String
    var overlapped: Bool
    var text: String
    var id: String
    /// The parent message of its thread; nil if it is not in a thread.
    var threadID: String?
    var attachments: [[String: Any]]
    /// The hook's ID, or the channel that the message requests.
    var room: String
    /// The users that the server would notify.
    var mentions: [String]

    init?(_ json: [String: Any]) {
        guard let hook = json["hook"] as? String, let body = json["body"] as? [String: Any] else { return nil }
        self.hook = hook
        overlapped = json["overlapped"] as? Bool ?? false
        id = json["id"] as? String ?? ""
        threadID = json["tmid"] as? String
        room = json["room"] as? String ?? ""
        mentions = json["mentions"] as? [String] ?? []
        text = body["text"] as? String ?? ""
        attachments = body["attachments"] as? [[String: Any]] ?? []
    }

    var fields: [String: String] {
        let all = attachments.flatMap { $0["fields"] as? [[String: Any]] ?? [] }
        return Dictionary(
            all.compactMap { field in
                guard let title = field["title"] as? String, let value = field["value"] as? String else { return nil }
                return (title, value)
            }, uniquingKeysWith: { first, _ in first })
    }

    /// The text and the attachments, for searches.
    var whole: String {
        text + attachments.map { "\($0)" }.joined()
    }
}

/// The built mock and relay as processes, each on a free port, with a new spool.
final class Rig {
    let mock: Program
    let mockPort: UInt16
    private(set) var relay: Program
    private(set) var port: UInt16
    private var environment: [String: String]
    private let folder: TemporaryFolder?

    /// - Parameters:
    ///   - storage: the spool's folder; nil for a temporary one.
    ///   - environment: settings in addition to the hooks. The rate limit is off by default.
    init(storage: String? = nil, mockArguments: [String] = ["--limiter", "off"], environment: [String: String] = [:])
        throws
    {
        mock = try Program("mock-rocketchat", ["--listen", "127.0.0.1:0"] + mockArguments)
        mockPort = try mock.port()
        folder = storage == nil ? TemporaryFolder() : nil
        var variables = ["RELAY_LISTEN": "127.0.0.1:0", "RELAY_RATE_LIMIT": "off"]
        variables["RELAY_STORAGE_PATH"] = storage ?? (folder?.path ?? "") + "/spool"
        for hook in ["critical", "warning", "info", "fallback"] {
            variables["ROCKETCHAT_WEBHOOK_\(hook.uppercased())"] =
                "http://127.0.0.1:\(mockPort)/hooks/\(hook)/t0ken\(hook)"
        }
        self.environment = variables.merging(environment) { $1 }
        relay = try Program("relay", [], environment: self.environment)
        port = try relay.port()
    }

    /// Starts the relay again on the same spool. The relay must have exited.
    func restart(environment changes: [String: String] = [:]) throws {
        precondition(!relay.isRunning)
        environment.merge(changes) { $1 }
        relay = try Program("relay", [], environment: environment)
        port = try relay.port()
    }

    /// The folder of the spool.
    var storage: String { environment["RELAY_STORAGE_PATH"] ?? "" }

    // MARK: The relay

    @discardableResult
    func post(_ body: [UInt8], headers: [String] = []) -> Client.Answer? {
        Client.request("POST", "/webhook", port: port, headers: headers, body: body)
    }

    func post(fixture name: String) throws -> Client.Answer? {
        post(try Self.fixture(name))
    }

    func get(_ path: String) -> Client.Answer? {
        Client.request("GET", path, port: port)
    }

    /// The folder of the captured webhook bodies.
    static let fixtures = Checkout.fixtures

    static func fixture(_ name: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: fixtures.appending(path: name)))
    }

    /// The value of one line of the relay's metrics; nil if there is no such line.
    func metric(_ line: String) -> Double? {
        get("/metrics")?.body.split(separator: "\n").first { $0.hasPrefix(line + " ") }
            .flatMap { Double($0.dropFirst(line.count + 1)) }
    }

    // MARK: The mock

    func messages(hook: String? = nil) throws -> [Recorded] {
        let path = "/messages" + (hook.map { "?hook=\($0)" } ?? "")
        let answer = try #require(Client.request("GET", path, port: mockPort))
        let list = try JSONSerialization.jsonObject(with: Data(answer.body.utf8)) as? [[String: Any]]
        return (list ?? []).compactMap(Recorded.init)
    }

    func waitForMessages(_ count: Int, hook: String? = nil, within seconds: Double = 60) throws -> [Recorded] {
        _ = try eventually(within: seconds) { try messages(hook: hook).count >= count }
        return try messages(hook: hook)
    }

    /// Waits until the mock has received exactly one post, recorded or not.
    func waitForOnePost() -> Bool {
        eventually {
            Client.request("GET", "/messages/count", port: mockPort)?.body.contains("\"requests\":1") == true
        }
    }

    func setFault(_ json: String) {
        let answer = Client.request("PUT", "/faults", port: mockPort, body: Array(json.utf8))
        #expect(answer?.status == 200, "\(answer?.body ?? "no answer")")
    }

    func heal() {
        #expect(Client.request("DELETE", "/faults", port: mockPort)?.status == 204)
    }
}

/// A webhook with one alert, whose number and status are visible in its message.
func numbered(
    _ number: Int, group: Int = 0, severity: String = "critical", status: String = "firing", padding: Int = 0
) -> [UInt8] {
    let end = status == "resolved" ? "2026-11-23T10:05:00Z" : "0001-01-01T00:00:00Z"
    return Array(
        """
        {"version":"4","receiver":"r","status":"\(status)","groupKey":"{}:{group=\\"\(group)\\"}","truncatedAlerts":0,\
        "groupLabels":{},"commonLabels":{},"commonAnnotations":{},"externalURL":"http://am.example.com:9093","alerts":\
        [{"status":"\(status)","labels":{"alertname":"Numbered","severity":"\(severity)","number":"n\(number)x",\
        "group":"g\(group)x"},"annotations":{"summary":"\(String(repeating: "p", count: padding))"},\
        "startsAt":"2026-11-23T10:00:00Z","endsAt":"\(end)","generatorURL":"","fingerprint":"\(group)-\(number)"}]}
        """.utf8)
}
