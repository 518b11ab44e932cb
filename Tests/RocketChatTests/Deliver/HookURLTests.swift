import Testing

@testable import Posting
@testable import RocketChat
@testable import Support

@Suite struct HookURLTests {
    private static let token = "tokenTokenTokenToken0123456789"

    @Test(arguments: [
        ("https://chat.example.com/hooks/abc/secret1", "https://chat.example.com/hooks/…"),
        ("https://chat.example.com:8443/sub/hooks/abc/user/secret1?x=1", "https://chat.example.com:8443/sub/hooks/…"),
        ("HTTPS://Chat.Example.com/hooks/a/b", "https://Chat.Example.com/hooks/…"),
        ("http://user:password@[::1]:3000/hooks/a/b", "http://[::1]:3000/hooks/…"),
        ("http://10.0.0.1/somewhere/else", "http://10.0.0.1/…"),
        ("https://chat.example.com", "https://chat.example.com/…"),
        ("https://chat.example.com?hooks=/hooks/1", "https://chat.example.com?hooks=/hooks/…"),
    ])
    func isKeptVerbatimAndShownWithoutSecrets(text: String, redacted: String) throws {
        let hook = try HookURL(text)
        #expect(hook.url.revealed == text)
        #expect(hook.redacted == redacted)
        #expect("\(hook)" == redacted)
    }

    @Test(arguments: [
        ("", HookURL.Invalid.scheme), ("chat.example.com/hooks/a/b", .scheme), ("ftp://host/hooks/a/b", .scheme),
        ("https:/host/hooks", .scheme), ("https://", .host), ("https:///hooks/a/b", .host),
        ("https://user@/hooks/a/b", .host), ("https://[]/hooks/a/b", .host), ("https://[::1/hooks/a/b", .host),
        ("https://host:/hooks/a/b", .port), ("https://host:0/hooks/a/b", .port), ("https://host:65536/x", .port),
        ("https://host:80a/hooks", .port), ("https://[::1]x/hooks", .port), ("https://host/hooks/a b", .character),
        ("https://host/hooks/a\n", .character), ("https://host/hooks/\u{0}", .character),
    ])
    func invalidURLIsRefusedWithoutBeingRepeated(text: String, error: HookURL.Invalid) {
        #expect(throws: error) { try HookURL(text) }
        #expect(!error.description.contains("host/"))
    }

    @Test func secretsAreRedactedFromTexts() throws {
        let hook = try HookURL(
            "https://me:pass%21word@chat.example.com/hooks/integrationID/\(Self.token)%3D?key=sesame")
        let text = "Cannot POST /hooks/integrationID/\(Self.token)%3D or \(Self.token)= by me:pass!word with sesame"
        let redacted = hook.redacting(text)
        for secret in ["integrationID", Self.token, "pass!word", "sesame"] {
            #expect(!redacted.contains(secret))
        }
        #expect(redacted.hasPrefix("Cannot POST /hooks/<secret>/<secret> or <secret> by"))
    }

    @Test func equalURLsAreEqual() throws {
        let text = "https://user:secret-1@host/hooks/aaaaaaaa/bbbbbbbb/cccccccc/dddddddd"
        let first = try HookURL(text)
        // Sets order equal elements differently in each instance.
        for _ in 0..<200 { #expect(try HookURL(text) == first) }
    }

    @Test func isNotRevealedByAnyWayOfPrinting() throws {
        let hook = try HookURL("https://chat.example.com/hooks/integrationID/\(Self.token)")
        var dumped = ""
        dump(hook.url, to: &dumped)
        dump(DelivererSettings(proxy: hook.url), to: &dumped)
        let printed = [
            dumped, "\(hook)", "\(hook.url)", String(describing: Optional(hook.url)), String(reflecting: hook.url),
        ]
        #expect(printed.allSatisfy { !$0.contains(Self.token) })
        #expect("\(hook.url)" == "<secret>")
    }

    @Test func isNotRevealedByReflectingTheURLItself() throws {
        let hook = try HookURL("https://chat.example.com/hooks/integrationID/\(Self.token)")
        var dumped = ""
        dump(hook, to: &dumped)
        #expect(!dumped.contains(Self.token))
        #expect(!String(reflecting: hook).contains(Self.token))
    }
}
