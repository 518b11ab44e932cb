import Testing

@testable import Journaling
@testable import Relay

/// Requests and replies on the control socket.
@Suite
struct DeadLetterRequestTests {
    private static let ids = [JournalID(rawValue: 16), JournalID(rawValue: 33)]

    @Test(arguments: [
        DeadLetterRequest.list(after: nil), .list(after: ids[1]), .show(ids[0]), .replay(.all), .replay(.some(ids)),
        .replay(.all, isForced: true), .replay(.some(ids), isForced: true), .drop(ids),
    ])
    func requestsRoundTrip(request: DeadLetterRequest) {
        #expect(DeadLetterRequest(verb: request.wire.verb, body: request.wire.body + "\n") == request)
    }

    @Test(arguments: [
        ("list", "16\n33"), ("list", "x"), ("show", ""), ("show", "16\n33"), ("show", "x"), ("replay", ""),
        ("replay", "all\n16"),
        ("force-replay", ""), ("force-replay", "all\n16"), ("drop", "all"), ("drop", ""), ("drop", "16\nx"),
        ("purge", "16"),
    ])
    func malformedRequestsAreRefused(verb: String, body: String) {
        #expect(DeadLetterRequest(verb: verb, body: body) == nil)
    }

    @Test func onlyTheOwnerAndRootMayCommand() {
        #expect(ControlListener.mayCommand(1000, of: 1000))
        #expect(ControlListener.mayCommand(0, of: 1000))
        #expect(!ControlListener.mayCommand(1001, of: 1000))
        #expect(!ControlListener.mayCommand(1000, of: 0))
    }
    @Test func clientTrustsOnlyTheOwnersRelay() {
        func isRelay(_ server: UInt32, _ owners: [UInt32]) -> Bool {
            ControlClient.isRelay(server, ownUser: 1000, owners: owners)
        }
        #expect(isRelay(0, [33, 33]) && isRelay(1000, [33, 33]) && isRelay(33, [33, 33]))
        #expect(!isRelay(44, [33, 33]) && !isRelay(44, [33]) && !isRelay(44, []))
        // The relay created its database in a volume that root owns.
        #expect(isRelay(10093, [0, 10093]) && !isRelay(44, [0, 10093]) && !isRelay(44, [0]))
        #expect(!isRelay(44, [33, 44]), "the database's owner counts only if root owns the folder")
    }
}
