import Testing

@testable import Relay

/// What the control socket carries.
@Suite
struct DeadLetterRequestTests {
    private static let ids = [JournalID(rawValue: 16), JournalID(rawValue: 33)]

    @Test(arguments: [
        DeadLetterRequest.list, .show(ids[0]), .replay(.all), .replay(.some(ids)), .drop(ids),
    ])
    func aRequestIsReadAsItWasWritten(request: DeadLetterRequest) {
        #expect(DeadLetterRequest(verb: request.wire.verb, body: request.wire.body + "\n") == request)
    }

    @Test(arguments: [
        ("list", "16"), ("show", ""), ("show", "16\n33"), ("show", "x"), ("replay", ""), ("replay", "all\n16"),
        ("drop", "all"), ("drop", ""), ("drop", "16\nx"), ("purge", "16"),
    ])
    func whatNobodyWritesIsNoRequest(verb: String, body: String) {
        #expect(DeadLetterRequest(verb: verb, body: body) == nil)
    }

    @Test(arguments: [
        DeadLetterReply(output: "a\nb\n"), DeadLetterReply(output: "", problems: ["one", "two"]),
        DeadLetterReply(output: "{\"body\":\"\\u001d\"}\n", problems: ["one"]),
    ])
    func aReplyIsReadAsItWasWritten(reply: DeadLetterReply) {
        #expect(DeadLetterReply(wire: reply.wire) == reply)
    }

    @Test func onlyTheOwnerAndRootMayCommand() {
        #expect(ControlListener.mayCommand(1000, of: 1000))
        #expect(ControlListener.mayCommand(0, of: 1000))
        #expect(!ControlListener.mayCommand(1001, of: 1000))
        #expect(!ControlListener.mayCommand(1000, of: 0))
    }
}
