import TestSupport
import Testing

@testable import RocketChat

@Suite struct SafeURLTests {
    @Test(arguments: [
        "http://prometheus.example.org:9090/graph?g0.expr=up+%3D%3D+0&g0.tab=1", "https://a",
        "https://wiki/x_y-z.html#top",
        "http://10.0.0.1:3000/d/abc",
    ])
    func goodURLsStayAsTheyAre(url: String) {
        #expect(SafeURL(url, limit: 500)?.string == url)
    }

    @Test(arguments: [
        ("https://a/x y", "https://a/x%20y"), ("https://a/(b)[c]{d}", "https://a/%28b%29%5Bc%5D%7Bd%7D"),
        ("https://a/\"<>|\\^`*~'!$@", "https://a/%22%3C%3E%7C%5C%5E%60%2A%7E%27%21%24%40"),
        ("https://a/100%", "https://a/100%25"), ("https://a/%zz%41", "https://a/%25zz%41"),
        ("https://a/\u{E4}", "https://a/%C3%A4"), ("  https://a/b\n", "https://a/b"),
        ("http://b\u{FC}ro.example/", "http://b%C3%BCro.example/"), ("HTTP://A.b/C", "http://A.b/C"),
        ("Https://[2001:DB8::1]:9090/g", "https://[2001:DB8::1]:9090/g"),
    ])
    func linkDelimitersArePercentEncoded(raw: String, encoded: String) {
        #expect(SafeURL(raw, limit: 500)?.string == encoded)
    }

    @Test(arguments: [
        "", " ", "/relative", "javascript:alert(1)", "ftp://a", "data:text/html,x", "http://",
        "https:///x", "https://?x", "https://user:secret@a/", "https://good.example@evil.example/", "https://a b/",
        "https://a\\@b/", "https://a/\nx", "https://a/\u{0}", "//a", "http:/a", "https://:80/", "https://[::1",
        "https://[x]/", "https://[::1]x/", "https://[10.0.0.1]/",
        "file-upload/x", "see https://a",
    ])
    func otherURLsAreRefused(raw: String) {
        #expect(SafeURL(raw, limit: 500) == nil)
    }

    @Test(arguments: [
        ("https://h/d.", "https://h/d%2E"), ("https://h/d,", "https://h/d%2C"), ("https://h/d;", "https://h/d%3B"),
        ("https://h/d:", "https://h/d%3A"), ("https://h/d?var-x=", "https://h/d?var-x=&"),
        ("https://h/d", "https://h/d"),
    ])
    func labelledLinkHasAnEndThatMobileClientsAccept(raw: String, target: String) {
        #expect(SafeURL(raw, limit: 500)?.label("X") == "[X](\(target))")
        #expect(SafeURL(raw, limit: 500)?.string == raw)
    }

    @Test func bareURLIsOneThatClientsLinkWhole() {
        #expect(SafeURL("https://h/a_b", limit: 500)?.bare == "https://h/a_b")
        for raw in ["https://h/d.", "http://[::1]/x", "see https://h"] {
            #expect(SafeURL(raw, limit: 500)?.bare == nil)
        }
    }

    @Test func limitCountsEncodedBytes() {
        #expect(SafeURL("https://a/" + String(repeating: "(", count: 10), limit: 40)?.string.utf8.count == 40)
        #expect(SafeURL("https://a/" + String(repeating: "(", count: 11), limit: 40) == nil)
    }

    @Test(arguments: HostileCorpus.values)
    func hostileTextDoesNotEndTheLink(value: String) throws {
        let url = try #require(
            SafeURL("https://a/" + value.filter { !$0.isASCII || $0 >= " " }, limit: .max)
                ?? SafeURL("https://a", limit: 99))
        #expect(url.string.wholeMatch(of: /https:\/\/[A-Za-z0-9\-._:\/?#&=%+,;]+/) != nil)
    }
}
