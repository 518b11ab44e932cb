import ChatMarkup
import Foundation
import TestSupport
import Testing

@testable import Alerts
@testable import Posting
@testable import RocketChat

/// Puts each hostile value into each field of a payload, and checks the messages by Rocket.Chat's rules.
@Suite struct HostileMessageTests {
    @Test(arguments: HostileCorpus.values)
    func hostileValuesAreEscapedInEveryField(value: String) throws {
        for (index, alerts) in Self.alerts(holding: value).enumerated() {
            let url = index.isMultiple(of: 2) ? value : "http://am.example:9093/" + value
            try expectHarmless(Payload.make(externalURL: url, notificationReason: value, alerts: alerts))
        }
    }

    /// Lists of one to three alerts, with the value in one field or in all.
    private static func alerts(holding value: String) -> [[Alert]] {
        let plain = Alert.make()
        let everywhere = Alert.make(
            labels: ["alertname": value, "cluster": value, "instance": value, "severity": value, value: value],
            annotations: ["summary": value, "description": "\(value)\n\(value)", "runbook_url": value, value: value],
            generatorURL: value)
        var url = plain
        url.generatorURL = "http://prometheus.example/" + value
        url.annotations = ["runbook_url": "https://a/\(value)", "dashboard": value]
        var nameless = plain
        nameless.labels = ["foo": value]
        nameless.annotations = [:]
        var ended = everywhere
        ended.status = .resolved
        ended.endsAt = .start.plus(60)
        var grafana = plain
        grafana.grafana = .make(values: value, url: value)
        var grafanaURL = plain
        grafanaURL.grafana = .make(values: value, url: "https://g/" + value)
        return [
            [grafana], [grafanaURL, grafana], [everywhere], [url], [nameless], [everywhere, everywhere],
            [plain, everywhere], [everywhere, ended, plain],
        ]
    }

    private func expectHarmless(_ payload: Payload) throws {
        var digest = Digest(severity: .fallback)
        digest.add(payload)
        digest.add(payload)
        let now = Timestamp.start.plus(600)
        var messages: [Message] = []
        for annotations in AnnotationMarkup.allCases {
            let settings = RenderSettings(annotations: annotations)
            for composer in [
                MessageComposer(payload, severity: .fallback, settings: settings, now: now),
                MessageComposer(digest, settings: settings, now: now),
            ] {
                messages.append(composer.plainMessage())
                // Annotations in markdown are live.
                if annotations == .text { messages.append(composer.message()) }
            }
        }
        for message in messages {
            expectNothing(in: message.text, as: .messageParser)
            expectOnlyConfiguredMentions(in: message)
            #expect(!message.text.hasPrefix("[") && message.text.utf16.count <= 4_500)
            for attachment in message.attachments { expectHarmless(attachment) }
            try expectAccepted(message)
        }
    }

    /// The configured mentions are live, by the grammar and by the search of raw text up to 7.7, and no other is.
    private func expectOnlyConfiguredMentions(in message: Message) {
        var message = message
        message.mention(["@here", "@oncall-db"])
        for grammar in [TextGrammar.v613, .v77, .v83, .v90] {
            #expect(MarkupDocument(message.text, as: .text(grammar)).mentions == ["here", "oncall-db"])
        }
        let raw = message.text.matches(of: /(^|[\s>])@([0-9A-Za-z._-]+)/).map { String($0.2) }
        #expect(raw == ["here", "oncall-db"], "\(message.text.prefix(300).debugDescription)")
    }

    private func expectHarmless(_ attachment: Message.Attachment) {
        let text = Self.withoutOwnLinks(attachment.text)
        expectNothing(in: text, as: .attachment)
        for field in attachment.fields {
            expectNothing(in: field.value, as: .attachment)
            expectNothing(in: field.title, as: .fieldTitle)
        }
    }

    private func expectNothing(in text: String, as reader: LiveConstructs.Reader) {
        let found = LiveConstructs.find(in: text, reader: reader)
        #expect(found.isEmpty, "\(text.prefix(300).debugDescription)")
    }

    /// Removes the line of links that the relay makes. It may only be the last line.
    private static func withoutOwnLinks(_ text: String) -> String {
        var lines = text.components(separatedBy: "\n")
        let link = #"\[(Runbook|Dashboard|Panel|Source|Alert|Silence)( 2)?\]\(https?://[A-Za-z0-9._:/?#&=%+,;-]+\)"#
        guard let last = lines.last,
            last.range(of: "^\(link)( · \(link))*$", options: .regularExpression) != nil
        else { return text }
        lines.removeLast()
        return lines.joined(separator: "\n")
    }

    /// The rules by which Rocket.Chat 8.0 refuses a message (docs/rocketchat.md section 3.2).
    private func expectAccepted(_ message: Message) throws {
        let object = try JSONSerialization.jsonObject(with: Data(message.json())) as? [String: Any]
        let root = try #require(object)
        #expect(root["parseUrls"] as? Bool == false && root["text"] as? String == message.text)
        #expect(Set(root.keys).isSubset(of: ["text", "parseUrls", "attachments"]))
        for attachment in root["attachments"] as? [[String: Any]] ?? [] { try expectAccepted(attachment) }
    }

    private func expectAccepted(_ attachment: [String: Any]) throws {
        #expect(
            Set(attachment.keys).isSubset(of: [
                "color", "title", "title_link", "text", "fields", "actions", "collapsed", "image_url",
            ]))
        #expect(attachment["collapsed"] is Bool)
        #expect((attachment["color"] as? String)?.wholeMatch(of: /#[0-9A-F]{6}/) != nil)
        #expect(attachment["text"] as? String != "" && attachment["title"] as? String != "")
        for link in [attachment["title_link"], attachment["image_url"]].compactMap({ $0 }) {
            #expect((link as? String)?.prefixMatch(of: /https?:\/\/[A-Za-z0-9%\[]/) != nil)
        }
        guard let fields = attachment["fields"] else { return }
        let list = try #require(fields as? [[String: Any]])
        #expect(!list.isEmpty)
        for field in list {
            #expect(Set(field.keys) == ["short", "title", "value"] && field["short"] is Bool)
            #expect(try !#require(field["title"] as? String).isEmpty && !#require(field["value"] as? String).isEmpty)
        }
    }
}
