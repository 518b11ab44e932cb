import TestSupport
import Testing

@testable import Posting
@testable import RocketChat

/// The advice that is printed below Rocket.Chat's response.
@Suite
struct DeliveryAdviceTests {
    @Test(arguments: [
        (404, #"{"success":false,"error":"Invalid integration id or token provided."}"#, "id or token is wrong"),
        (500, "Internal Server Error", "copy the URL again"),
        (400, #"{"success":false,"error":"invalid-channel"}"#, "channel that does not exist"),
        (302, "", "redirects"), (405, "", "not the address of a hook"),
        (429, #"{"success":false,"error":"Error, too many requests. Please slow down."}"#, "in a minute"),
        (503, "", "trouble"), (200, "<html>", "does not look like Rocket.Chat"),
    ])
    func adviceFitsTheResponse(status: Int, body: String, words: String) throws {
        let hook = try HookURL("https://chat.example.com/hooks/id/s3cret")
        let answer = HookResponse(status: status, body: Array(body.utf8))
        let outcome = ResponseClassifier(hook: hook).outcome(of: .success(answer), now: .sample)
        let sentence = DeliveryAdvice.sentence(for: outcome)
        #expect(sentence.contains(words), "\(outcome): \(sentence)")
    }
}
