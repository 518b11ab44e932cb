package import Alerts
package import Foundation

/// A captured webhook body and the summary in its `.meta.json`.
package struct WebhookFixture: CustomStringConvertible, Sendable {
    package struct Summary: Decodable, Sendable {
        package var status: String?
        package var alerts: Int
        package var firing: Int
        package var resolved: Int
        package var truncatedAlerts: Int?
        package var notificationReason: String?
        package var groupKey: String?

        enum CodingKeys: String, CodingKey {
            case status, alerts, firing, resolved, truncatedAlerts, groupKey
            case notificationReason = "notification_reason"
        }
    }

    private struct Meta: Decodable {
        var summary: Summary
    }

    package var name: String
    package var body: [UInt8]
    package var summary: Summary

    package var description: String { name }

    package static let folder = Checkout.fixtures

    /// Every captured body but 28, which is not a webhook of version "4" (docs/alertmanager.md).
    package static let all: [WebhookFixture] = {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return files.filter { $0.hasSuffix(".meta.json") && !$0.hasPrefix("28-") }.sorted().map {
            named(String($0.dropLast(".meta.json".count)))
        }
    }()

    package static func named(_ name: String) -> WebhookFixture {
        do {
            let meta = try JSONDecoder().decode(
                Meta.self, from: Data(contentsOf: folder.appending(path: name + ".meta.json")))
            return WebhookFixture(name: name, body: try body(name), summary: meta.summary)
        } catch {
            fatalError("fixture \(name): \(error)")
        }
    }

    package static func body(_ name: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: folder.appending(path: name + ".json")))
    }
}

extension WebhookParser {
    package func parse(text: String) throws(ParseError) -> AlertBatch {
        try parse(Array(text.utf8), acceptedAt: Timestamp(seconds: 0, nanoseconds: 0))
    }

    package func decode(text: String) throws(ParseError) -> Payload {
        try decode(Array(text.utf8))
    }
}

/// A body of version "4" with the given JSON for some of its fields; nil leaves a field out.
package func webhookBody(
    version: String? = #""4""#, status: String? = #""firing""#, alerts: String? = "[]", groupKey: String? = #""{}:{}""#,
    receiver: String? = #""team""#, more: [(String, String)] = []
) -> String {
    let fields = [
        ("version", version), ("status", status), ("receiver", receiver), ("groupKey", groupKey), ("alerts", alerts),
    ]
    let given = fields.compactMap { name, value in value.map { (name, $0) } } + more
    return "{" + given.map { "\"\($0)\":\($1)" }.joined(separator: ",") + "}"
}

/// One alert of a body with the given JSON for some of its fields; nil omits a field.
package func alertJSON(
    status: String? = #""firing""#, labels: String? = #"{"alertname":"A","severity":"critical"}"#,
    annotations: String? = #"{"summary":"s"}"#, startsAt: String? = #""2026-01-30T10:00:00Z""#,
    endsAt: String? = #""0001-01-01T00:00:00Z""#, fingerprint: String? = #""00000000000000aa""#
) -> String {
    let fields = [
        ("status", status), ("labels", labels), ("annotations", annotations), ("startsAt", startsAt),
        ("endsAt", endsAt), ("fingerprint", fingerprint),
    ]
    return "{" + fields.compactMap { name, value in value.map { "\"\(name)\":\($0)" } }.joined(separator: ",") + "}"
}
