import Foundation
import Testing

@testable import Relay

@Suite struct TerminalTextTests {
    /// Characters that can control a terminal, forge a line, reorder text or hide it.
    static let hidden: [Unicode.Scalar] =
        (Array(0...0x1F) + Array(0x7F...0x9F) + Array(0x200B...0x200F) + Array(0x2028...0x202E) + Array(0x2060...0x206F)
        + Array(0xE0020...0xE007F) + [0xAD, 0x34F, 0x61C, 0x115F, 0x1160, 0x17B4, 0x180E, 0x3164, 0xFE00, 0xFEFF]
        + [0xFFA0, 0xFFF9, 0xFFFB, 0x110BD, 0x1D173, 0xE0001, 0xE0100]).compactMap(Unicode.Scalar.init)

    @Test(arguments: LogFormat.allCases)
    func logLinesHoldNoHiddenCharacters(format: LogFormat) throws {
        for scalar in Self.hidden {
            let value = "a\(scalar)b"
            let line = LineLogHandler.line([("msg", "m"), ("err", value)], as: format)
            #expect(line.unicodeScalars.dropLast().allSatisfy { !TerminalText.isHidden($0) }, "U+\(scalar.value)")
            #expect(line.hasSuffix("\n"))
            if format == .json {
                let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: String]
                #expect(object?["err"] == value, "nothing is lost")
            } else {
                #expect(line.hasPrefix("msg=m err=\"a\\"), "\(line)")
            }
        }
    }

    @Test func commandsPrintNoHiddenCharacters() throws {
        for scalar in Self.hidden where scalar != "\n" && scalar != "\t" {
            let printed = TerminalText.escaped("a\(scalar)b", keepsLines: true)
            #expect(printed.unicodeScalars.allSatisfy { !TerminalText.isHidden($0) })
            #expect(
                try JSONSerialization.jsonObject(with: Data("[\"\(printed)\"]".utf8)) as? [String] == ["a\(scalar)b"])
        }
        #expect(TerminalText.escaped("a\n\tb\r\n", keepsLines: true) == "a\n\tb\\u000d\n")
        #expect(TerminalText.escaped("a\n\tb", keepsLines: false) == "a\\u000a\\u0009b")
    }

    @Test(arguments: ["plain", "Überlauf", "磁盘已满", "⚠️ 🔥", "e\u{301}", "العربية", "a\u{A0}b"])
    func readableTextIsUnchanged(text: String) {
        #expect(TerminalText.escaped(text, keepsLines: false) == text)
        #expect(LineLogHandler.line([("msg", text)], as: .json) == "{\"msg\":\"\(text)\"}\n")
    }
}
