/// Values that would ping, format, link or be refused if Rocket.Chat received them unescaped.
package enum HostileCorpus {
    package static let values: [String] =
        mentions + links + emphasis + blocks + formulas + emojis + controls + syntax + captured + words + names

    /// Names and addresses that a person copies.
    package static let names = [
        "web-1.prod.com", "web-01.example.com:9100", "10.0.0.1", "10.0.0.1:9100", "[::1]:9090", "[2001:db8::5]:9100",
        "2001:db8:cafe::1", "fe80::1%eth0", "localhost:9090", "node-1.eu_west_1.prod", "http_requests_total", "_tmp",
        "__name__", "v1.2.3", "5.0_beta_2", "10.0.1.*", "web-*.prod", "00:1b:44:11:3a:b7", "00:ab:cd:ef:00:01",
        "arn:aws:rds:eu-west-1:db", "C:\\_tmp\\a_b", "/var/lib/__data__/x", "code=~\"5..\"", "a<b", "R&D-db", "x~1",
        "~root", "#channel-1", "@bot", "k8s.pod/name", "db_1@host", "rate(x{a=~\"b.*\"}[5m])", "8)", "README.md",
        "$HOME", "a|b", "||", "+4915112345678", "web-foo_bar_1", "\u{E9}_x_",
    ]

    private static let words = [
        "Disk on `web-1.prod.com` is full", "**web-1.prod.com** is down", "10.0.1.* and 10.0.2.*", "5.0_beta_2",
        "code=~\"5..\" or code=~\"4..\"", "Error:`cmd` failed", "Status:*down*", "value=`5`; limit=`7`", "=\\ :\\ >:\\",
        "(slot 8), degraded", "B), C)", "a\n8)\nb", "\\_tmp", "C:\\_tmp\\a_b", "<no value>", "%!f(string=x)", "&amp;",
        "x > 5 && y < 3", "> 90 %", "up{a=\"b\"} == 0", "rate(x[5m]) > 0.5", "see (https://e.com/a_b).",
        "https://e.com/a_b_c", "https://e.com/a*b", "http://[::1]:9090/g", "- a\n- b\n1. c\n2) d",
        "  indented\n    more",
        "a\u{AD}b\u{61C}c\u{180E}d\u{2061}e\u{115F}f\u{3164}g\u{FFA0}h\u{E0041}i", "www.evil.example", "x www.y.z",
        "1. ", "12.", "~5 minutes", "a :fire: b", "a:fire:b", "x:100:y", "ok :) .", "(*x*)", "(_a_)", "\"*x*\"",
    ]

    private static let mentions = [
        "@all", "@here", "@channel", "@admin please", "(@all)", "\\@all", ">@all", "`@all`", "x @all y", "@@all",
        "#general", "\\#general", "a\n@all", "a\u{85}@all", "a\u{2028}@here", "@\u{E9}mile", "\u{FEFF}@all",
        "@\u{200B}@all", "@a.b-c_d",
    ]
    private static let links = [
        "[click](http://evil.example)", "[FIRING:2] x", "[a](javascript:alert(1))", "![i](http://evil.example/x.png)",
        "[Runbook](http://evil.example)", "<https://evil.example|label>", "<evil.example|label>",
        "https://evil.example",
        "HTTP://EVIL.EXAMPLE", "ftp://evil.example/x", "www.evil.example", "node1.prod.com", "README.md",
        "10.0.0.1:9100",
        "root@evil.example", "mailto:a@b.co", "+4915112345678", "+(49)15112345", "[x]: http://evil.example", "[]()",
        "a.evil.co\\.uk", "(evil.example)", "x](http://y)", "\u{436}.\u{440}\u{444}", "//evil.example/x",
    ]
    private static let emphasis = [
        "*bold*", "**bold**", "_it_", "__name__", "~s~", "~~s~~", "2*3*4", "`code`", "``x``", "```\nfence\n```",
        "~~~\nx\n~~~",
        "\\*bold\\*", "\\\\*bold*", "\\\\\\*b*", "web-foo_bar_1", "a_b_c", "_a b_c", "a_b c_", "*_~`", "-_x_-",
        "x__y__z",
        "(_it_)", "a_", "_", "*", "**", "\\", "\\\\", "`", "``", "```",
    ]
    private static let blocks = [
        "# heading", "#### h", "> quote", "- item", "* item", "+ item", "1. item", "12) item", "- [x] done", "1.", "-",
        "| a | b |\n|---|---|\n| 1 | 2 |", "a | b\n--- | ---", "title\n===", "title\n---", "***", "___", "    code",
        "\tcode", "a\n    code", "a\n\n\n\n# b", "a\r\n> b", "a\r> b", "x\n- y\n- z", "||spoiler||", "||\nblock\n||",
        "|||x|||",
        ":---|---:",
    ]
    private static let formulas = [
        "\\(foo\\)", "\\[x\\]", "$$x$$", "$x$", "a\\(b|c\\)d", "\\\\(x\\\\)", "color:#ff0000", "<t:1700000000:R>",
        "<t:10:00:00:R>", "\\<t:1700000000>",
    ]
    private static let emojis = [
        ":smile:", ":+1:", "a:b:c", ":a:b:c:", "12:34:56", "::1", ":)", "8)", "</3", "ok :/ ok", "-_-", "O_O", ">:(",
        ":'(",
        "*\\0/*", "a :D b", ":@", ":smile:smile:", ": smile:", "(y)", "\u{1F469}\u{200D}\u{1F680}", "\u{1F600}",
    ]
    private static let controls = [
        "\u{0}a\u{7}b", "a\u{1B}[31mred", "line1\nline2\r\nline3\ttab", "\u{202E}txt.exe", "\u{2066}x\u{2069}",
        "a\u{B}b\u{C}c",
        " ", "\n", "\u{200B}", "\u{FEFF}", "a  b", "\u{A0}x", "e\u{301}", "\u{7F}\u{9F}",
    ]
    private static let syntax = [
        String(repeating: "[", count: 5_000), String(repeating: "(", count: 500), String(repeating: "*", count: 999),
        String(repeating: "@all ", count: 4_000), String(repeating: "\u{1F600}", count: 9_000),
        String(repeating: "\\", count: 777), String(repeating: "a.b", count: 900), "<script>alert(1)</script>",
        "&#64;all",
        "&lt;b&gt;", "<!-- x -->", "{{ .Foo }}", "${jndi:ldap://x}", "%0a%0d", "\"}],\"alerts\":[]", "{\"a\":1}",
        "null", "0", "false", "-5", "a<b", "x <= 3",
    ]
    private static let captured = [
        "```\nfenced\n``` ~~~\n> quote\n# heading\n- [x] item\n| a | b |\n|---|---|\n![img](http://evil.example/x.png) "
            + "<script>alert(1)</script> <https://evil.example|slack link> [a](http://x)](http://y) \\*escaped\\* $$x$$",
        "@all @here @admin #general :rotating_light: [click me](javascript:alert(1))", "*bold* _it_ ~s~ @all",
        "`rm -rf /`",
    ]

    /// Random text of fragments of constructs; the same text for the same seed.
    package static func random(seed: UInt64) -> String {
        random(seed: seed, of: pieces, count: 4 + Int(seed % 23))
    }

    /// Random text of `count` of the pieces.
    package static func random(seed: UInt64, of pieces: [String], count: Int) -> String {
        var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
        var text = ""
        for _ in 0..<count {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            text += pieces[Int(state >> 33) % pieces.count]
        }
        return text
    }

    private static let pieces = [
        "@", "#", "*", "**", "_", "__", "~", "`", "```", "[", "]", "(", ")", "\\", "\\\\", "|", "||", "<", ">", ":",
        ".", "-",
        "+", "=", "$", "!", " ", "  ", "\n", "\r\n", "\t", "a", "all", "B", "1", "42", "com", "http://", "www.",
        "\u{E9}",
        "\u{1F600}", "\u{200B}", "\u{0}", "8", "D", "/", "'", "{", "}", "\"", "&amp;", "1. ", "- ", "t:17",
    ]
}
