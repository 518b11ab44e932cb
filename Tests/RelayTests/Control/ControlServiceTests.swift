import TestSupport
import Testing

@testable import Journaling
@testable import Relay

/// Requests and replies of all services on the control socket.
@Suite
struct ControlServiceTests {
    @Test(arguments: [
        ControlRequest(service: "dead-letters", verb: "list"),
        ControlRequest(service: "history", verb: "list", body: "limit 5\nalert A", asJSON: true),
    ])
    func requestsRoundTrip(request: ControlRequest) {
        let parts = request.target.split(separator: "?", maxSplits: 1)
        let query = parts.count > 1 ? String(parts[1]) : nil
        #expect(ControlRequest(path: String(parts[0]), query: query, body: request.body) == request)
    }

    @Test(arguments: ["", "/", "/dead-letters", "dead-letters/list", "/dead-letters/list/all"])
    func malformedPathsAreRefused(path: String) {
        #expect(ControlRequest(path: path, query: nil, body: "") == nil)
    }

    @Test func unknownVerbsHaveNoReply() throws {
        let journal = try Journal<Int>(opening: MemoryJournalStore(), onFailure: { _ in }, acknowledge: { _ in })
        let service = DeadLetterService(journal: journal) { _ in }
        #expect(service.execute(ControlRequest(service: "dead-letters", verb: "purge", body: "16")) == nil)
        #expect(service.execute(ControlRequest(service: "dead-letters", verb: "list"))?.output == "no dead letters\n")
    }

    @Test(arguments: [
        ControlReply(output: "a\nb\n"), ControlReply(output: "", problems: ["one", "two"]),
        ControlReply(output: "{\"body\":\"\\u001d\"}\n", problems: ["one"]),
        ControlReply(output: "a\n", problems: ["next 16"], next: "16"),
    ])
    func repliesRoundTrip(reply: ControlReply) {
        #expect(ControlReply(wire: reply.wire) == reply)
    }
}
