import Testing

@testable import Alerts
@testable import Journaling
@testable import Posting
@testable import Relay
@testable import Support

/// Fields of forms, and their protection against other sites.
@Suite struct FormTests {
    @Test(arguments: [
        ("q=a+b%20c", "q", "a b c"), ("a=1&q=%C3%A9&q=2", "q", "é"), ("q=%zz%", "q", "%zz%"), ("q==x", "q", "=x"),
        ("%71=x", "q", "x"),
    ])
    func fieldsAreDecoded(query: String, name: String, value: String) {
        #expect(FormFields(query: query)[name] == value)
    }

    @Test(arguments: [nil, "", "q", "q=", "q=+%20", "&&&", "=x"]) func absentFieldsAreNil(query: String?) {
        #expect(FormFields(query: query)["q"] == nil)
    }

    @Test func onlySomeFieldsAreRead() {
        let query = String(repeating: "a=1&", count: 100) + "q=1"
        #expect(FormFields(query: query)["q"] == nil)
    }

    @Test(arguments: ["a b&c=d#?%+é\"<", "-", "a\u{0}\nb"]) func encodedTextRoundTrips(text: String) {
        let query = "q=\(FormFields.encoded(text))"
        #expect(FormFields(query: query)["q"] == text)
        #expect(query.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F })
    }

    // MARK: Other sites

    @Test func tokenIsBoundToTheCredentials() {
        let token = FormGuard.token(authorization: "Basic YTpi")
        #expect(token.utf8.count == 64 && token == FormGuard.token(authorization: "Basic YTpi"))
        #expect(FormGuard.isValid(token, authorization: "Basic YTpi"))
        for wrong in [nil, "", "x", token + "0", String(token.dropLast()), token.uppercased() + "x"] {
            #expect(!FormGuard.isValid(wrong, authorization: "Basic YTpi"))
        }
        #expect(!FormGuard.isValid(token, authorization: "Basic YTpj") && !FormGuard.isValid(token, authorization: nil))
    }

    private static let requests: [(site: String?, origin: String?, host: String?, isForeign: Bool)] = [
        (nil, nil, "relay:8093", false), ("same-origin", "http://relay:8093", "relay:8093", false),
        ("none", nil, "relay", false), (nil, "https://relay.example.com:8443", "relay.example.com", false),
        (nil, "http://[::1]:8093", "[::1]:8093", false), (nil, "http://RELAY", "relay:80", false),
        ("cross-site", nil, "relay", true), ("same-site", "http://relay", "relay", true),
        (nil, "null", "relay", true), (nil, "http://evil.example", "relay", true), (nil, "", "relay", true),
        (nil, "http://relay.evil.example", "relay", true), (nil, "http://relay", nil, true),
        ("same-origin", "http://evil.example", "relay", true),
    ]

    @Test(arguments: requests)
    func otherSitesAreDetected(site: String?, origin: String?, host: String?, isForeign: Bool) {
        #expect(FormGuard.isForeign(site: site, origin: origin, host: host) == isForeign)
    }

    // MARK: The search

    private func query(_ text: String) throws -> HistoryQuery {
        let now = Timestamp(seconds: 10_000, nanoseconds: 0)
        return try HistoryForm(fields: FormFields(query: text)).query(limit: 50, now: now)
    }

    @Test func searchHasTheOptionsOfTheCommand() throws {
        let query = try query(
            "q=disk&alert=Disk*&room=ops&since=1h&status=resolved&outcome=dead-letter&limit=7&before=12.3")
        #expect(query.text == "disk" && query.alert == "Disk*" && query.room == "ops")
        #expect(query.since == Timestamp(seconds: 6400, nanoseconds: 0))
        #expect(query.status == .resolved && query.outcome == .deadLetter && query.limit == 7)
        #expect(query.before == HistoryCursor("12.3"))
        #expect(try self.query("").limit == 50 && self.query("since=2026-11-27T22:00:00Z").since != nil)
        #expect(try self.query("since=9999999w").since != nil, "no arithmetic overflows")
    }

    @Test(arguments: ["since=soon", "status=odd", "outcome=lost", "limit=0", "limit=1001", "before=1", "before=-1.2"])
    func invalidSearchIsExplained(text: String) {
        let name = text.prefix { $0 != "=" }
        let error = #expect(throws: ControlError.self) { try query(text) }
        #expect(error?.description.hasPrefix("\(name) is not ") == true)
    }

    @Test func nextPageKeepsTheSearch() throws {
        let form = HistoryForm(fields: FormFields(query: "q=a%26b&outcome=expired&before=1.2"))
        #expect(form.next(try #require(HistoryCursor("9.0"))) == "q=a%26b&outcome=expired&before=9.0")
    }

    // MARK: Who may see the page

    private func access(_ access: StatusAccess, hasTokens: Bool) -> OperatorAccess {
        var configuration = RelayConfiguration()
        configuration.statusPage = access
        if hasTokens { configuration.authTokens = [Secret("a-token")] }
        return OperatorAccess(configuration)
    }

    @Test func rulesForEachConfiguration() {
        let closed = access(.authenticated, hasTokens: false)
        guard case .closed(let message) = closed.rule(authorization: nil, needsProof: false) else {
            Issue.record("a page without credentials must be closed")
            return
        }
        #expect(message.contains("RELAY_AUTH_TOKEN") && message.contains("RELAY_STATUS_PAGE=open"))
        #expect(closed.rule(authorization: "Basic x", needsProof: false) != .admitted)
        #expect(!closed.isProven(authorization: "Basic x"))

        let guarded = access(.authenticated, hasTokens: true)
        for authorization in [nil, "Basic x"] {
            for needsProof in [false, true] {
                #expect(guarded.rule(authorization: authorization, needsProof: needsProof) == .credentials)
            }
        }
        let open = access(.open, hasTokens: false)
        #expect(open.rule(authorization: nil, needsProof: false) == .admitted)
        #expect(open.rule(authorization: "Basic x", needsProof: false) == .admitted)
        #expect(!open.isProven(authorization: "Basic x"), "nobody checked these credentials")
        guard case .closed = open.rule(authorization: nil, needsProof: true) else {
            Issue.record("a change without credentials must be refused")
            return
        }
        let both = access(.open, hasTokens: true)
        #expect(both.rule(authorization: nil, needsProof: false) == .admitted)
        #expect(both.rule(authorization: "Basic x", needsProof: false) == .credentials)
        #expect(both.rule(authorization: nil, needsProof: true) == .credentials)
        #expect(!both.isProven(authorization: nil) && both.isProven(authorization: "Basic x"))
    }
}
