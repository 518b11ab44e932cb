import Foundation
import Testing

@testable import RocketChat
@testable import Support

@Suite struct JSONWriterTests {
    @Test func everyScalarBelowU0100AndSomeAboveComesBack() throws {
        var value = String(String.UnicodeScalarView((0..<256).compactMap(Unicode.Scalar.init)))
        value += "\u{2028}\u{2029}\u{FFFD}\u{1F600}\u{10FFFF}\\u0041\"/"
        var writer = JSONWriter()
        writer.array([value]) { $0.string($1) }
        #expect(try JSONSerialization.jsonObject(with: Data(writer.bytes)) as? [String] == [value])
    }

    @Test func membersAndElementsAreSeparatedByCommas() {
        var writer = JSONWriter()
        writer.object { writer in
            writer.key("a")
            writer.array([true, false]) { $0.bool($1) }
            writer.key("b")
            writer.object { _ in }
            writer.key("c")
            writer.array([["x"], ["y", "z"]]) { $0.array($1) { $0.string($1) } }
        }
        #expect(String(decoding: writer.bytes, as: UTF8.self) == #"{"a":[true,false],"b":{},"c":[["x"],["y","z"]]}"#)
    }

    @Test func messageOmitsUnsetFields() {
        let message = Message(text: "x\n\"y\"")
        #expect(String(decoding: message.json(), as: UTF8.self) == #"{"text":"x\n\"y\"","parseUrls":false}"#)
    }

    @Test func anAttachmentHasRocketChatsKeysAndNoOthers() {
        let field = Message.Field(title: "instance", value: "a", isShort: true)
        let attachment = Message.Attachment(
            color: "#D32F2F", title: "T", titleLink: "https://a", text: "t", fields: [field])
        let message = Message(text: "x", attachments: [attachment], emoji: ":fire:")
        #expect(
            String(decoding: message.json(), as: UTF8.self)
                == ##"{"text":"x","emoji":":fire:","parseUrls":false,"attachments":[{"color":"#D32F2F","title":"T","##
                + #""title_link":"https://a","text":"t","fields":[{"short":true,"title":"instance","value":"a"}],"#
                + #""collapsed":false}]}"#)
    }
}
