import Testing

@testable import MockRocketChat

/// The bodies of docs/rocketchat.md section 1.2.
@Suite
struct PostedBodyTests {
    private static let form = "application/x-www-form-urlencoded"
    private static let formWithCharset = "application/x-www-form-urlencoded; charset=utf-8"

    private func read(_ body: String, _ contentType: String?, _ profile: ServerProfile) -> PostedBody {
        PostedBody.read(Array(body.utf8), contentType: contentType, profile: profile)
    }

    private func object(_ text: String) throws -> PostedBody {
        .object(try json(text), raw: Array(text.utf8))
    }

    @Test(arguments: ServerProfile.allCases, ["application/json", "Application/JSON; charset=utf-8"])
    func objectIsAcceptedWithAnyCharset(profile: ServerProfile, contentType: String) throws {
        #expect(read(#"{"text":"x"}"#, contentType, profile) == (try object(#"{"text":"x"}"#)))
    }

    @Test(arguments: ServerProfile.allCases, ["", "[]", "[{\"text\":\"x\"}]", "\"x\"", "1", "null", "{}"])
    func bodyThatIsNotAnObjectPostsNothing(profile: ServerProfile, body: String) {
        #expect(read(body, "application/json", profile) == .nothing)
    }

    @Test(arguments: ServerProfile.allCases)
    func malformedJSONIsRefusedByRestivusOnly(profile: ServerProfile) {
        let result = read("{\"text\":", "application/json", profile)
        if profile.isHono {
            #expect(result == .nothing)
        } else if case .refused(let reply) = result {
            #expect(reply.status == 400 && reply.header("Content-Type") == "text/html")
        } else {
            Issue.record("\(result)")
        }
    }

    @Test(arguments: ServerProfile.allCases, [nil, "text/plain", "application/xml"])
    func otherContentTypesPostNothingOrAnEmptyMessage(profile: ServerProfile, contentType: String?) {
        #expect(read("{\"text\":\"x\"}", contentType, profile) == (profile == .h77 ? .emptyMessage : .nothing))
    }

    @Test(arguments: ServerProfile.allCases)
    func jsonWithFormTypePostsAnEmptyMessage(profile: ServerProfile) throws {
        let body = #"{"text":"x"}"#
        #expect(read(body, Self.form, profile) == (profile == .h77 ? try object(body) : .emptyMessage))
    }

    @Test(arguments: ServerProfile.allCases)
    func formPayloadIsUnwrapped(profile: ServerProfile) throws {
        #expect(read("payload=%7B%22text%22%3A%22a+b%22%7D", Self.form, profile) == (try object(#"{"text":"a b"}"#)))
    }

    @Test(arguments: ServerProfile.allCases)
    func formWithCharsetIsNotRecognisedBy77(profile: ServerProfile) throws {
        let result = read("payload=%7B%22text%22%3A1%7D", Self.formWithCharset, profile)
        #expect(result == (profile == .h77 ? .emptyMessage : try object(#"{"text":1}"#)))
    }

    @Test(arguments: [ServerProfile.h79, .h80, .h86, .h90])
    func payloadThatIsNotAnObjectIsRefusedWithAMessage(profile: ServerProfile) {
        let error = "Integration payload must be a JSON object, not an array or primitive"
        #expect(read("payload=[]", Self.form, profile) == .refused(.failure(error)))
    }

    @Test(arguments: ServerProfile.allCases)
    func payloadThatIsNotJSONIsAnsweredByProfile(profile: ServerProfile) {
        let result = read("payload={", Self.form, profile)
        switch profile {
        case .legacy, .r62:
            guard case .refused(let reply) = result else {
                Issue.record("\(result)")
                return
            }
            #expect(reply.status == 400 && reply.error != nil)
        case .h77: #expect(result == .nothing)
        case .h79, .h80, .h86, .h90: #expect(result == .emptyMessage)
        }
    }
}
