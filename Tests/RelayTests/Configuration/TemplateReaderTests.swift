import Foundation
import TestSupport
import Testing

@testable import Alerts
@testable import Posting
@testable import Relay
@testable import RocketChat

private let hook = "https://chat.example.com/hooks/id/token"

@Suite struct TemplateReaderTests {
    private let folder = TemporaryFolder()

    private func read(_ yaml: String) throws -> (configuration: RelayConfiguration, problems: [String]) {
        let path = folder.path + "/relay.yml"
        try ("webhooks: {critical: '\(hook)'}\n" + yaml).write(toFile: path, atomically: true, encoding: .utf8)
        var reader = ConfigurationReader(environment: [:], file: SettingsFile(path: path))
        let (configuration, problems) = reader.readLeniently()
        return (configuration, problems.map { $0.description.replacing(path + ":", with: "") })
    }

    private static func text(_ posting: PostingSettings, _ severity: Severity) -> String {
        var digest = Digest(severity: severity)
        digest.add(Payload.sample)
        return MessageComposer(digest, settings: posting.renderSettings, now: .now()).message().text
    }

    @Test func receiverOverridesSeverityOverridesAll() throws {
        let (configuration, problems) = try read(
            """
            templates:
              text: all {{relay.severity}}
              title: all
              critical: {text: 'critical {{relay.severity}}'}
            receivers:
              - {name: db, matchers: 'a="b"', webhook: '\(hook)2', templates: {text: 'db {{relay.receiver}}'}}
              - {name: web, matchers: 'a="c"', webhook: '\(hook)3', templates: {title: web}}
            """)
        #expect(problems == [])
        #expect(Self.text(configuration.posting, .critical) == "critical CRITICAL")
        #expect(Self.text(configuration.posting, .info) == "all INFO")
        #expect(configuration.receivers.map { Self.text($0.posting, .critical) } == ["db db", "critical CRITICAL"])
        #expect(
            try !configuration.posting.templates[.info].isEmpty
                && read("").configuration.posting.templates[.info].isEmpty)
    }

    /// A fault is reported at its tag in every style of YAML text.
    @Test(arguments: [
        ("templates:\n  text: |\n    first {{status}}\n    é second {{sttus}}\n", "5:14"),
        ("templates:\n  text: >-\n    first {{status}}\n    second\n    and {{sttus}}\n", "6:9"),
        ("templates:\n  text: 'it''s {{status}} {{sttus}}'\n", "3:27"),
        ("templates:\n  text: \"a\\n{{status}}\\t{{sttus}}\"\n", "3:25"),
        ("templates:\n  text: plain {{sttus}}\n", "3:15"),
        ("templates: {text: 'x', body: '{{status}}{{sttus}}'}\n", "2:41"),
        ("templates:\n  # {{status}}\n  critical:\n    text: |2\n       {{! c }} {{sttus}}\n", "6:17"),
    ])
    func faultHasThePlaceOfItsTag(yaml: String, place: String) throws {
        let problem = try #require(try read(yaml).problems.first)
        #expect(problem.hasPrefix("\(place): templates."))
        #expect(problem.hasSuffix("there is no {{sttus}} here, did you mean {{status}}?"))
    }

    @Test(arguments: [
        ("text: '{{#alerts}}'", "2:20: templates.text: unclosed section \"alerts\""),
        ("txt: x", "2:13: templates.txt: is not a setting, did you mean text?"),
        ("critical: {info: {text: x}}", "2:24: templates.critical.info: is not a setting"),
        ("text: ''", "2:19: templates.text: is empty; leave the key out for the built-in form"),
        ("text: [a]", "2:19: templates.text: must be a single text"),
        ("text: x, text: y", "2:22: templates.text: is given twice"),
        ("fields: x", "2:21: templates.fields: must be a list; each item has a title and a value"),
        ("fields: [{title: x}]", "2:22: templates.fields[0]: a field needs a title and a value"),
        (
            "fields: [{title: x, value: y, short: maybe}]",
            "2:50: templates.fields[0].short: \"maybe\" is not true or false"
        ),
        ("fields: [{title: x, valu: y}]", "2:33: templates.fields[0].valu: is not a setting, did you mean value?"),
        (
            "color: pinkish",
            "2:20: templates.color: is no color for the sample body of a single alert, a group of 12 alerts,"
        ),
        ("body: '{{! nothing }}'", "2:19: templates.body: is empty for every sample body"),
        (
            "title: '{{#alerts}}{{startsAt}} {{startsAt}} {{/alerts}}'",
            "2:20: templates.title: is too long for the sample body of a group"
        ),
    ])
    func mistakeIsAProblemWithItsPlace(member: String, expected: String) throws {
        let problems = try read("templates: {\(member)}\n").problems
        #expect(problems.first?.hasPrefix(expected) == true, "\(problems)")
    }

    @Test func everyMistakeIsReported() throws {
        let problems = try read(
            "templates: {text: '{{a1}}', body: '{{b1}}', fields: [{title: '{{c1}}', value: '{{d1}}'}]}\n"
        )
        .problems
        #expect(problems.count == 4)
    }

    @Test func templatesOfReceiverAreChecked() throws {
        let (_, problems) = try read(
            "receivers:\n  - {name: db, matchers: 'a=\"b\"', webhook: '\(hook)2', templates: {critical: {text: x}}}\n")
        #expect(problems.count == 1 && problems[0].contains("receivers[0].templates.critical: is not a setting"))
        #expect(try read("templates: [x]\n").problems == ["2:12: templates: must hold keys and values"])
        #expect(try read("templates:\n").problems == [])
    }

    @Test func previewReadsKeyOrContent() throws {
        let path = folder.path + "/t.yml"
        for yaml in ["templates: {text: preview}\nlisten: ':1'\n", "text: preview\n"] {
            try yaml.write(toFile: path, atomically: true, encoding: .utf8)
            let preview = TemplatePreview(path: path, settings: RenderSettings())
            var posting = try read("templates: {critical: {text: configured}}\n").configuration.posting
            posting.templates = preview.over(posting.templates)
            #expect(preview.problems == [] && Self.text(posting, .critical) == "preview")
        }
        try "txt: x\n".write(toFile: path, atomically: true, encoding: .utf8)
        #expect(
            TemplatePreview(path: path, settings: RenderSettings()).problems.map(\.message) == [
                "is not a setting, did you mean text?"
            ])
        #expect(TemplatePreview(path: folder.path + "/none", settings: RenderSettings()).problems.count == 1)
    }
}

extension Payload {
    fileprivate static let sample = Payload(
        receiver: "r", status: .firing, groupKey: "g", truncatedAlerts: 0, groupLabels: [:], commonLabels: [:],
        commonAnnotations: [:], externalURL: "",
        alerts: [
            Alert(
                status: .firing, labels: ["alertname": "A"], annotations: [:], startsAt: .now(), generatorURL: "",
                fingerprint: "")
        ])
}
