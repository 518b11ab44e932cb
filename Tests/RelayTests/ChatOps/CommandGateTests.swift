import Testing

@testable import Relay
@testable import RocketChat

@Suite struct CommandGateTests {
    private static let start = ContinuousClock.now

    private static func message(_ id: String, change: (inout OutgoingWebhook) -> Void = { _ in }) throws
        -> OutgoingWebhook
    {
        var message = try OutgoingWebhook(
            Array(
                #"{"token":"t","bot":false,"channel_id":"R1","channel_name":"alerts","message_id":"\#(id)","#.utf8)
                + Array(#""user_name":"alice","text":"!help"}"#.utf8))
        change(&message)
        return message
    }

    private static func gate(channels: [String] = [], users: [String] = []) -> CommandGate {
        CommandGate(ChatOpsConfiguration(channels: channels, users: users))
    }

    private static func isAccepted(_ gate: CommandGate, _ message: OutgoingWebhook) -> Bool {
        var gate = gate
        return gate.judge(message, at: start) == .accepted
    }

    @Test func botsEditsAndRepeatsAreIgnored() throws {
        var gate = Self.gate()
        let messages = [
            try Self.message("1") { $0.isFromBot = true }, try Self.message("1") { $0.isEdited = true },
            try Self.message("1"), try Self.message("1"), try Self.message("2"),
        ]
        var verdicts: [CommandGate.Verdict] = []
        for message in messages { verdicts.append(gate.judge(message, at: Self.start)) }
        #expect(verdicts == [.ignored("bot"), .ignored("edited"), .accepted, .ignored("repeated"), .accepted])
    }

    @Test(arguments: [
        ([], true), (["R1"], true), (["alerts"], true), (["R2", "alerts"], true), (["ALERTS", "R"], false),
    ])
    func roomIsPinnedByIDOrName(channels: [String], isAccepted: Bool) throws {
        let message = try Self.message("1")
        #expect(Self.isAccepted(Self.gate(channels: channels), message) == isAccepted)
    }

    @Test(arguments: [([], true), (["alice"], true), (["bob", "alice"], true), (["Alice"], false), (["bob"], false)])
    func usersAreListed(users: [String], isAccepted: Bool) throws {
        let message = try Self.message("1")
        #expect(Self.isAccepted(Self.gate(users: users), message) == isAccepted)
    }

    /// A direct message has no room's name, which must not equal an empty one.
    @Test func directMessageIsInNoNamedRoom() throws {
        let message = try Self.message("1") { $0.channelName = "" }
        #expect(!Self.isAccepted(Self.gate(channels: ["alerts"]), message))
    }

    @Test func floodOfOnePersonIsRefusedAndOthersAreNot() throws {
        var gate = Self.gate()
        var answers = 0
        for number in 0..<100 {
            let verdict = gate.judge(try Self.message("\(number)"), at: Self.start)
            guard number >= CommandGate.commandsPerMinute else {
                #expect(verdict == .accepted)
                continue
            }
            guard case .refused(.limited, let words) = verdict else {
                Issue.record("\(verdict)")
                continue
            }
            answers += words == nil ? 0 : 1
        }
        #expect(answers == 2, "complaints are limited too")
        let other = gate.judge(try Self.message("bob") { $0.userName = "bob" }, at: Self.start)
        let later = gate.judge(try Self.message("later"), at: Self.start + .seconds(4))
        #expect(other == .accepted && later == .accepted)
    }
}
