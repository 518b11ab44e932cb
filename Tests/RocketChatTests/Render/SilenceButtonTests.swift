import ChatMarkup
import Testing

@testable import Alerts
@testable import Posting
@testable import RocketChat

@Suite struct SilenceButtonTests {
    private static let settings = RenderSettings(silenceButton: "2h")

    private static func alert(_ number: Int, status: AlertStatus = .firing, fingerprint: String? = nil) -> Alert {
        var alert = Alert.numbered(number, status: status, name: "Alert\(number)")
        alert.fingerprint = fingerprint ?? String(repeating: "\(number)", count: 16).prefix(16).description
        return alert
    }

    private static func commands(_ alerts: [Alert]) -> [String] {
        Message.composed(alerts, settings: settings).attachments.last?.buttons.compactMap(\.command) ?? []
    }

    @Test func buttonsAreOffByDefault() {
        let message = Message.composed([Self.alert(1)])
        #expect(message.attachments.allSatisfy { $0.buttons.allSatisfy { $0.command == nil } })
    }

    @Test func firingAlertHasAButtonInALastAttachment() {
        let message = Message.composed([Self.alert(1)], settings: Self.settings)
        #expect(message.attachments.count == 2)
        let json = String(decoding: message.json(), as: UTF8.self)
        #expect(
            json.hasSuffix(
                ##"{"color":"#757575","text":"Act on it:","actions":[{"type":"button","text":"Silence 2h","##
                    + #""msg":"!silence 2h 111111","msg_in_chat_window":true}],"collapsed":false}]}"#), "\(json)")
    }

    @Test func resolvedAlertsAndOddFingerprintsHaveNone() {
        #expect(Self.commands([Self.alert(1, status: .resolved)]).isEmpty)
        for text in ["", "xyz", "0-1", "1111", "ABCDEFABCDEFABCD", "@all111111111111"] {
            #expect(Self.commands([Self.alert(1, fingerprint: text)]).isEmpty)
        }
        let mixed = Self.commands([Self.alert(1), Self.alert(2, status: .resolved)])
        #expect(mixed == ["!silence 2h 111111"])
    }

    @Test func idsAreUniqueInTheMessage() {
        let alerts = [
            Self.alert(1, fingerprint: "aaaaaaaaa1111111"), Self.alert(2, fingerprint: "aaaaaaaaa2111111"),
            Self.alert(3, fingerprint: "bbbbbbbbb2111111"),
        ]
        #expect(
            Set(Self.commands(alerts)) == [
                "!silence 2h aaaaaaaaa1", "!silence 2h aaaaaaaaa2", "!silence 2h bbbbbb",
            ])
    }

    @Test func largeGroupHasFiveButtonsWithNames() {
        let alerts = (1...9).map { Self.alert($0) }
        let message = Message.composed(alerts, settings: Self.settings)
        let buttons = message.attachments.last?.buttons ?? []
        #expect(buttons.count == 5 && buttons.allSatisfy { $0.text.hasPrefix("Silence 2h: Alert") })
        #expect(message.attachments.dropLast().allSatisfy { $0.buttons.allSatisfy { $0.command == nil } })
        #expect(buttons.allSatisfy { $0.text.utf16.count <= 100 })
    }

    /// The last form of a message, for rooms that refuse attachments.
    @Test func plainFormHasNoButtons() {
        #expect(Message.plain([Self.alert(1)], settings: Self.settings).attachments.isEmpty)
    }

    @Test func sizeLimitIncludesButtons() {
        var settings = RenderSettings(maxBodyBytes: 6_000, silenceButton: "2h")
        settings.textLimit = 500
        let message = Message.composed((1...9).map { Self.alert($0) }, settings: settings)
        #expect(message.json().count <= 6_000)
    }

    @Test func drawingsShowTheCommand() {
        let message = Message.composed([Self.alert(1)], settings: Self.settings)
        let drawn = ChatMessage(message, room: "critical")
        #expect(MessageHTML.article(drawn).contains(#"<button type="button" data-command="!silence 2h 111111""#))
        #expect(MessageText.string(drawn, headline: "").contains("(Silence 2h) posts !silence 2h 111111"))
    }
}
