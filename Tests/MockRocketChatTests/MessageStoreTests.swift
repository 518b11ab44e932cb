import Testing

@testable import MockRocketChat

@Suite
struct MessageStoreTests {
    private func filled() -> MessageStore {
        var chat = RocketChat(profile: .h80)
        for (index, hook) in ["critical", "info", "critical"].enumerated() {
            _ = chat.answer(.post("{\"text\":\"\(index + 1)\"}", hook: hook))
        }
        return chat.store
    }

    private func texts(_ bytes: [UInt8]) throws -> [String?] {
        try #require(JSONParser.parse(bytes).elements).map { $0["text"]?.stringValue }
    }

    @Test func messagesAreListedInOrder() throws {
        let store = filled()
        #expect(try texts(store.list()) == ["1", "2", "3"])
        #expect(try texts(store.list(hook: "critical")) == ["1", "3"])
        #expect(try texts(store.list(since: 1, limit: 1)) == ["2"])
        #expect(try texts(store.list(since: 9)) == [])
        #expect(store.entries.map { $0["seq"] } == [.number("1"), .number("2"), .number("3")])
    }

    @Test func removeAllResetsTheCounts() {
        var store = filled()
        store.requests = 5
        store.removeAll()
        #expect(store.list() == Array("[]\n".utf8))
        #expect(
            String(decoding: store.counts.bytes, as: UTF8.self)
                == #"{"count":0,"refused":0,"failed":0,"requests":0,"generation":1}"#)
    }

    @Test func postedBodyIsListedUnchanged() {
        var chat = RocketChat(profile: .h80)
        let body = #"{ "text" : "é\u0041", "n" : 1.50 }"#
        _ = chat.post(body)
        #expect(String(decoding: chat.store.list(), as: UTF8.self).contains(",\"body\":\(body)}"))
    }

    @Test func bodyThatIsNotJSONIsListedAsAString() {
        var chat = RocketChat(profile: .h80)
        _ = chat.answer(.post("a=\"b\"", contentType: "application/x-www-form-urlencoded"))
        #expect(chat.store.entries.first?["body"] == .string("a=\"b\""))
    }

    @Test func transcriptShowsTheVisibleParts() throws {
        let entry = try json(
            ##"""
            {"room":"critical","receivedAt":3723000,"text":"two\nlines","emoji":":fire:","visible":true,"body":{
             "attachments":[{"color":"#D40E0D","title":"T","title_link":"https://x/","text":"a\nb",
                             "fields":[{"title":"f","value":"v"}]},{"message_link":"https://x/","text":"gone"}]}}
            """##)
        #expect(
            Transcript.text(of: entry, profile: .h80) == """
                #critical  01:02:03  :fire:
                  two
                  lines
                  ┃ [red] T [1]
                  ┃ a
                  ┃ b
                  ┃   f: v

                  [1] https://x/

                """)
    }
}
