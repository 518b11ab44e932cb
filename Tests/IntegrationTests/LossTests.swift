import TestSupport
import Testing

/// Each kind of hook failure: nothing is lost, the order is kept, and only recorded messages are duplicated.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct LossTests {
    struct Failure: Sendable, CustomTestStringConvertible {
        var fault: String
        /// Whether the room records the message before the failure.
        var records: Bool
        var testDescription: String { fault }
    }

    @Test(arguments: [
        Failure(fault: #""mode":"reset""#, records: false),
        Failure(fault: #""mode":"close""#, records: false),
        Failure(fault: #""mode":"hang""#, records: false),
        Failure(fault: #""status":500,"body":"Server error.""#, records: false),
        Failure(fault: #""status":502,"body":"<html>""#, records: false),
        Failure(fault: #""mode":"recordThenReset""#, records: true),
        Failure(fault: #""mode":"recordThenClose""#, records: true),
        Failure(fault: #""mode":"recordThenHang""#, records: true),
        Failure(fault: #""mode":"lateSuccess","delayMs":1500"#, records: true),
    ])
    func nothingIsLostAndOnlyRecordedMessagesAreDuplicated(failure: Failure) throws {
        let rig = try Rig(environment: ["RELAY_POST_TIMEOUT": "700ms"])
        rig.setFault("{\"hook\":\"critical\",\"times\":2,\(failure.fault)}")
        for number in 0..<8 { #expect(rig.post(numbered(number, group: 1))?.status == 200) }
        #expect(try eventually { try rig.metricSum("relay_journal_pending") == 0 })
        let count = failure.records ? 10 : 8
        let messages = try rig.waitForMessages(count)
        let numbers = messages.compactMap { message in (0..<8).first { message.whole.contains("n\($0)x") } }
        #expect(numbers == (failure.records ? [0, 0] : []) + Array(0..<8))
    }
}
