import Testing

@testable import MockRocketChat

/// Sections 1.3 to 1.5 of docs/rocketchat.md, without a socket.
@Suite
struct RocketChatTests {
    private func chat(_ profile: ServerProfile) -> RocketChat { RocketChat(profile: profile) }

    @Test(arguments: ServerProfile.allCases)
    func successResponseIsExact(profile: ServerProfile) {
        var chat = chat(profile)
        let reply = chat.post(#"{"text":"x"}"#)
        #expect(reply.status == 200 && reply.text == #"{"success":true}"#)
        #expect(reply.header("Content-Type") == "application/json")
        #expect(reply.header("Cache-Control") == "no-store" && reply.header("Pragma") == "no-cache")
        #expect(reply.header("Access-Control-Allow-Origin") == (profile.isHono ? nil : "*"))
        #expect(chat.store.entries.map { $0["body"] } == [.object(["text": .string("x")])])
    }

    @Test(arguments: ServerProfile.allCases)
    func aGetSucceedsAndPostsNothing(profile: ServerProfile) {
        var chat = chat(profile)
        var request = IncomingWebhook.post("")
        request.method = .get
        #expect(chat.answer(request).text == #"{"success":true}"#)
        #expect(chat.store.entries.isEmpty)
    }

    @Test(arguments: ServerProfile.allCases)
    func unknownTokenIsAnsweredByProfile(profile: ServerProfile) {
        var chat = chat(profile)
        var integration = Integration()
        integration.isKnown = false
        let reply = chat.post(#"{"text":"x"}"#, integration: integration)
        if profile.isHono {
            #expect(reply == .text(500, "Internal Server Error"))
        } else {
            #expect(reply.status == 404 && reply.error == "Invalid integration id or token provided.")
        }
        #expect(chat.store.entries.isEmpty)
    }

    @Test(arguments: ServerProfile.allCases)
    func aDisabledIntegrationIsUnavailable(profile: ServerProfile) {
        var chat = chat(profile)
        var integration = Integration()
        integration.isEnabled = false
        let reply = chat.post(#"{"text":"x"}"#, integration: integration)
        #expect(reply.status == 503)
        #expect(
            reply.text
                == (profile.isHono ? #"{"success":false,"error":"Service Unavailable"}"# : #""Service Unavailable""#))
    }

    @Test(arguments: ServerProfile.allCases)
    func aMissingUserIsUnauthorized(profile: ServerProfile) throws {
        var chat = chat(profile)
        var integration = Integration()
        integration.hasUser = false
        let reply = chat.post(#"{"text":"x"}"#, integration: integration)
        let body = try JSONParser.parse(reply.body)
        #expect(reply.status == 401 && body["message"] == .string("You must be logged in to do this."))
        #expect((body["success"] == .bool(false)) == profile.isHono)
        #expect((reply.delay > .zero) == !profile.isHono)
    }

    @Test(arguments: ServerProfile.allCases)
    func impersonationPermissionIsRequiredSince86(profile: ServerProfile) {
        var chat = chat(profile)
        var integration = Integration()
        integration.mayImpersonate = false
        let error = chat.post(#"{"text":"x"}"#, integration: integration).error
        #expect(error == ([.h86, .h90].contains(profile) ? "error-user-lacks-message-impersonate-permission" : nil))
    }

    @Test func onlyLegacyEnforcesItsLimit() {
        for profile in ServerProfile.allCases {
            var chat = chat(profile)
            let statuses = (0..<11).map { _ in chat.post(#"{"text":"x"}"#).status }
            #expect(statuses.last == (profile == .legacy ? 429 : 200))
            #expect(chat.store.messages.count == (profile == .legacy ? 10 : 11))
        }
    }

    @Test(arguments: Integration.Room.allCases.filter { $0 != .open })
    func roomErrorIsReturned(room: Integration.Room) {
        var chat = chat(.h80)
        var integration = Integration()
        integration.room = room
        let reply = chat.post(#"{"text":"x"}"#, integration: integration)
        #expect(reply.status == 400 && reply.error == room.error && chat.store.entries.isEmpty)
    }

    @Test(arguments: ServerProfile.allCases)
    func channelOverrideNeedsTheSettingSince63(profile: ServerProfile) {
        var chat = chat(profile)
        let error = chat.post(##"{"text":"x","channel":"#a"}"##).error
        let expected = "overriding destination channel is disabled for this integration"
        #expect(error == (profile == .legacy ? nil : expected))
    }

    @Test(arguments: ServerProfile.allCases)
    func severalChannelsAreCheckedFirstSince79(profile: ServerProfile) {
        var chat = chat(profile)
        var integration = Integration()
        integration.mayOverrideChannel = true
        integration.rooms["#b"] = .notMember
        let reply = chat.post(##"{"text":"x","channel":["#a","#b","#c"]}"##, integration: integration)
        #expect(reply.error == "error-not-allowed")
        let rooms = chat.store.entries.map { $0["room"]?.stringValue }
        #expect(rooms == (profile.checksAllChannelsFirst ? [] : ["#a"]))
    }

    @Test(arguments: ServerProfile.allCases)
    func separateResponseHasAnIDSince79(profile: ServerProfile) throws {
        var chat = chat(profile)
        let reply = chat.post(#"{"text":"x","separateResponse":true}"#)
        let body = try JSONParser.parse(reply.body)
        guard profile.offersSeparateResponse else { return #expect(reply.text == #"{"success":true}"#) }
        let id = body["responses"]?.elements?.first?["message"]?["_id"]?.stringValue
        #expect(id?.count == 17 && body["success"] == .bool(true))
        #expect(chat.store.entries.first?["id"]?.stringValue == id)
    }

    @Test func separateResponseFailsOnlyIfAllChannelsFail() throws {
        var chat = chat(.h80)
        var integration = Integration()
        integration.mayOverrideChannel = true
        integration.rooms["#b"] = .notMember
        let mixed = chat.post(
            ##"{"text":"x","channel":["#a","#b"],"separateResponse":true}"##, integration: integration)
        #expect(mixed.status == 200 && mixed.text.contains(##"{"channel":"#b","error":"error-not-allowed"}"##))
        let none = chat.post(##"{"text":"x","channel":"#b","separateResponse":true}"##, integration: integration)
        #expect(none.status == 400)
        #expect(none.text == ##"{"responses":[{"channel":"#b","error":"error-not-allowed"}],"success":false}"##)
    }

    @Test func replyToAnUnknownParentIsNotVisible() {
        var chat = chat(.h80)
        _ = chat.post(#"{"text":"parent"}"#)
        let id = chat.store.entries[0]["id"]?.stringValue ?? ""
        #expect(chat.post("{\"text\":\"x\",\"tmid\":\"\(id)\"}").status == 200)
        #expect(chat.post(#"{"text":"x","tmid":"gone","_id":"1","ts":1}"#).status == 200)
        #expect(chat.store.entries.map { $0["visible"] } == [.bool(true), .bool(true), .bool(false)])
    }

    @Test(arguments: [
        (Integration.Script.noContent, 200, #"{"success":true}"#, 0),
        (.error("no"), 400, #"{"success":false,"error":"no"}"#, 0),
        (.fails, 400, #"{"success":false,"error":"error-running-script"}"#, 0),
        (.response([.init(name: "a", value: .bool(true))]), 200, #"{"a":true,"success":true}"#, 1),
    ])
    func scriptDeterminesTheResponse(script: Integration.Script, status: Int, body: String, messages: Int) {
        var chat = chat(.h80)
        var integration = Integration()
        integration.script = script
        let reply = chat.post(#"{"text":"x"}"#, integration: integration)
        #expect(reply.status == status && reply.text == body && chat.store.messages.count == messages)
    }

    @Test func unknownKeysAlonePostAnEmptyMessage() {
        var chat = chat(.h80)
        #expect(chat.post(#"{"blocks":[]}"#).status == 200)
        #expect(chat.store.entries.map { $0["text"] } == [.string("")])
    }

    @Test func malformedEscapeInTheTokenFailsOnHono() {
        for profile in ServerProfile.allCases {
            var chat = chat(profile)
            var request = IncomingWebhook.post(#"{"text":"x"}"#)
            request.token = "a%2"
            #expect(chat.answer(request).status == (profile.isHono ? 500 : 200))
        }
    }
}
