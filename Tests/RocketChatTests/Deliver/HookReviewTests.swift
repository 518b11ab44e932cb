import Testing

@testable import Posting
@testable import RocketChat

@Suite struct HookReviewTests {
    private static let good = "https://chat.example.org/hooks/a1B2c3D4e5F6g7H8i/q9W8e7R6t5Z4u3I2o1P0"

    private func review(_ text: String) throws -> [String] {
        try HookReview.checkForm(text)
        _ = try HookURL(text)
        return try HookReview.review(text)
    }

    @Test(arguments: [
        good, "HTTPS://chat.example.org/hooks/a1/b2", "https://chat.example.org:8443/chat/hooks/a1/b2",
        "https://[fe80::1%25eth0]:3000/hooks/a1/b2", "http://127.0.0.1:3000/hooks/a1/b2",
        "http://localhost/hooks/a1/b2", "http://[::1]:3000/hooks/a1/b2",
        // libcurl connects to 127.0.0.1.
        "http://127.1/hooks/a1/b2",
        // The form of old servers: with a user's ID, and the token as percent-encoded Base64.
        "https://chat.example.org/hooks/a1/user/q9W8%2Fe7R6t5%3D", "https://chat.example.org/hooks/a1/b2/",
        "https://m\u{FC}nchen.example/hooks/a1/b2",
    ])
    func validHooksHaveNoWarnings(text: String) throws {
        #expect(try review(text) == [])
    }

    @Test(arguments: [
        ("https://chat.example.org", HookReview.Problem.noPath), ("https://chat.example.org/", .noPath),
        ("https://chat.example.org?channel=x", .noPath), ("https://chat.example.org/hooks", .noToken),
        ("https://chat.example.org/hooks/", .noToken), ("https://chat.example.org/hooks/a1", .noToken),
        ("https://chat.example.org/hooks/a1/", .noToken), ("https://chat.example.org/hooks//b2", .noToken),
        ("https://chat.example.org/hooks/a1#b2", .noToken),
        ("https://chat.example.org/hooks/<ID>/<TOKEN>", .placeholder),
        ("https://chat.example.org/hooks/${ID}/${TOKEN}", .placeholder), ("https://<HOST>/hooks/a1/b2", .placeholder),
        ("https://chat.example.org/hooks/$ID/$TOKEN", .placeholder), ("https://${HOST}/hooks/a1/b2", .placeholder),
        ("https://chat.example.org/hooks/{{ .id }}/x", .placeholder), ("https://h/hooks/$(id)/b", .placeholder),
        ("\"\(good)\"", .quoted), ("'\(good)'", .quoted), ("\"\(good)", .quoted),
        ("\(good),\(good)", .several), ("\(good) \(good)", .several), ("\(good);http://b/hooks/x/y", .several),
        ("https://chat.example.org/api/v1/chat.postMessage", .notAHook("/api/v1")),
        ("https://chat.example.org/sub/api/v1/hooks.x", .notAHook("/api/v1/")),
        ("https://chat.example.org/admin/integrations/edit/incoming/a1", .notAHook("/admin")),
        ("https://chat.example.org/channel/alerts", .notAHook("/channel")),
        ("https://chat..example.org/hooks/a1/b2", .host), ("https://chat.example.org;/hooks/a1/b2", .host),
        ("https://*/hooks/a1/b2", .host), ("https://[::zz]/hooks/a1/b2", .host), ("https://%41/hooks/a1/b2", .host),
        ("https://chat.\u{200B}example.org/hooks/a1/b2", .host),
        // libcurl refuses it.
        ("https://me@work:pass@chat.example.org/hooks/a1/b2", .host),
        ("https://hooks.slack.com/services/T0/B0/x", .otherService("Slack")),
        ("https://discord.com/api/webhooks/1/x", .otherService("Discord")),
        ("https://contoso.webhook.office.com/webhookb2/x", .otherService("Microsoft Teams")),
        ("https://api.telegram.org/bot1:x/sendMessage", .otherService("Telegram")),
        ("https://chat.example.org/hooks/a1/b\u{2026}", .character),
        ("https://chat.example.org/hooks/a1/b\u{200B}", .character),
        ("https://chat.example.org/hooks/a1/b%2", .escape), ("https://chat.example.org/hooks/a1/b%zz", .escape),
    ])
    func unusableHookIsAFault(text: String, fault: HookReview.Problem) {
        #expect(throws: fault) { try review(text) }
        #expect(!fault.description.contains("a1") && !fault.description.contains("services/T0"))
    }

    @Test(arguments: [
        ("http://chat.example.org/hooks/a1/b2", "plain http"), ("http://mock:8094/hooks/a1/b2", "plain http"),
        ("http://127.0.0.1.example.org/hooks/a1/b2", "plain http"),
        (good + "?channel=%23ops", "does not choose a room"), (good + "?x=1", "no query"),
        (good + "#ops", "never sent"), ("https://me:pa$word@chat.example.org/hooks/a1/b2", "user and password"),
        ("https://chat.example.org/relay/critical", "no /hooks/ID/TOKEN"),
        ("https://chat.example.org/Hooks/a1/b2", "no /hooks/ID/TOKEN"),
        ("https://chat.example.org/hooks/ID/TOKEN", "example"), ("https://chat.example.org/hooks/a1/xxxx", "example"),
        ("https://chat.example.org/hooks/a1/b2,", "copied whole"),
        ("https://chat.example.org/hooks/a/b/c/d", "more follows"),
        ("http://127.0.0.1:443/hooks/a1/b2", "other scheme"),
        ("https://chat.example.org:80/hooks/a1/b2", "other scheme"),
    ])
    func suspiciousHookIsAWarning(text: String, words: String) throws {
        let warnings = try review(text)
        #expect(warnings.count == 1 && warnings[0].contains(words), "\(warnings)")
        #expect(!warnings.joined().contains("b2"))
    }

    @Test func deepAndHugeURLsAreReviewed() throws {
        let path = String(repeating: "/a", count: 50_000)
        #expect(try review("https://chat.example.org\(path)").count == 1)
        #expect(throws: HookReview.Problem.noPath) { try review("https://h" + String(repeating: "/", count: 100_000)) }
    }

    @Test(arguments: [
        (good, "https://chat.example.org/hooks/a1B2c3D4e5F6g7H8i/\u{2026}"),
        ("https://u:p@chat.example.org/hooks/a1/user/b2?x=1", "https://chat.example.org/hooks/a1/\u{2026}"),
        ("https://chat.example.org/hooks/onlyone", "https://chat.example.org/hooks/\u{2026}"),
        ("https://chat.example.org/elsewhere/token", "https://chat.example.org/\u{2026}"),
        (
            "https://chat.example.org/hooks/tokenTokenTokenTokenTokenTokenToken/id",
            "https://chat.example.org/hooks/toke\u{2026}/\u{2026}"
        ),
    ])
    func integrationIsShownByItsIDOnly(text: String, shown: String) throws {
        #expect(try HookURL(text).integration == shown)
    }
}
