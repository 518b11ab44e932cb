import Foundation
import Logging
import TestSupport
import Testing

@testable import Alerts
@testable import Posting
@testable import Relay
@testable import RocketChat

/// No external number may crash the process: Swift traps on arithmetic overflow. A trap also ends the test run, so
/// some of these tests only need to complete.
@Suite struct ExtremeValueTests {
    static let integers = [
        "0", "1", "-1", "9223372036854775807", "-9223372036854775808", "9223372036854775808", "18446744073709551615",
        "18446744073709551616", "4294967296", "2147483648", String(repeating: "9", count: 400), "1e18", "1e400", "0.5",
        "-0", "true", "null", "\"1\"",
    ]

    static let times = [
        "0000-01-01T00:00:00Z", "0000-01-01T00:00:00+23:59", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00-23:59",
        "1677-09-21T00:12:43Z", "1969-12-31T23:59:59.999999999Z", "1970-01-01T00:00:00Z", "2262-04-11T23:47:16.9Z",
        "2038-01-19T03:14:08Z", "9999-12-31T23:59:60Z", "9999-12-31T23:59:59.999999999-23:59",
        "10000-01-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-01-01T24:00:00Z", "-001-01-01T00:00:00Z",
        "2026-01-01T00:00:00." + String(repeating: "9", count: 10_000) + "Z",
    ]

    /// One body for every combination of a value and a field.
    static var bodies: [String] {
        let numbers = integers.flatMap { number in
            [
                webhookBody(alerts: "[\(alertJSON())]", more: [("truncatedAlerts", number)]),
                webhookBody(status: nil, alerts: "[]", more: [("truncatedAlerts", number), ("orgId", number)]),
                webhookBody(
                    alerts:
                        "[\(alertJSON(labels: "{\"severity\":\"critical\",\"n\":\"\(number.filter { $0 != "\"" })\"}"))]"
                ),
                webhookBody(version: number), webhookBody(alerts: "[\(alertJSON(startsAt: number))]"),
                webhookBody(alerts: "[\(alertJSON(fingerprint: number))]"),
            ]
        }
        let moments = times.flatMap { start in
            times.map { end in
                let (start, end) = ("\"\(start)\"", "\"\(end)\"")
                let firing = alertJSON(startsAt: start, endsAt: end)
                let resolved = alertJSON(status: "\"resolved\"", startsAt: start, endsAt: end, fingerprint: "\"b\"")
                return webhookBody(alerts: "[\(firing),\(resolved)]")
            }
        }
        return numbers + moments
    }

    /// Runs bodies through parser, decoder and every form of message, with the smallest and the largest settings.
    @Test func everyFieldOfABodyIsRenderedOrRefused() throws {
        let parser = WebhookParser()
        let moments = [
            Timestamp(seconds: 0, nanoseconds: 0), .now(), Timestamp(seconds: -62_167_219_200, nanoseconds: 0),
            Timestamp(seconds: 253_402_300_799, nanoseconds: 999_999_999), Timestamp(nanosecondsSince1970: .min),
            Timestamp(nanosecondsSince1970: .max),
        ]
        var digest = Digest(severity: .critical)
        var rendered = 0
        for body in Self.bodies {
            guard let batch = try? parser.parse(Array(body.utf8), acceptedAt: .now()) else { continue }
            for notification in batch.notifications {
                let payload = try parser.decode(notification.body)
                #expect((0...Payload.truncatedLimit).contains(payload.truncatedAlerts))
                digest.add(payload)
                rendered += 1
                for now in moments {
                    for textLimit in [500, 1_000_000] {
                        let composer = MessageComposer(
                            payload, severity: notification.severity, settings: RenderSettings(textLimit: textLimit),
                            now: now)
                        #expect(!composer.message().text.isEmpty && !composer.plainMessage().text.isEmpty)
                    }
                }
            }
        }
        #expect(rendered > 150, "too few bodies were accepted for a meaningful test")
        for now in moments {
            let folded = MessageComposer(digest, settings: RenderSettings(), now: now)
            #expect(!folded.message().text.isEmpty && !folded.plainMessage().text.isEmpty)
        }
    }

    @Test func storedValuesOfEarlierVersionsAreClamped() throws {
        let body = webhookBody(alerts: "[\(alertJSON())]", more: [("truncatedAlerts", "9223372036854775807")])
        let payload = try WebhookParser().decode(Array(body.utf8))
        #expect(payload.truncatedAlerts == Payload.truncatedLimit)
        var digest = Digest(severity: .critical)
        for _ in 0..<4 { digest.add(payload) }
        #expect(digest.truncatedAlerts == 4 * Payload.truncatedLimit)
        var raw = payload
        raw.truncatedAlerts = .max
        for _ in 0..<4 { digest.add(raw) }
        let folded = MessageComposer(digest, settings: RenderSettings(textLimit: .max), now: .now())
        #expect(folded.message().text.contains("CRITICAL"))
    }

    @Test func everyResponseHeaderGivesAWaitInRange() throws {
        let classifier = ResponseClassifier(hook: try HookURL("https://chat.example.com/hooks/a/b"))
        let dates = [
            "Thu, 01 Jan 1970 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", "Tue, 14 Nov 99999 22:13:50 GMT",
            "Sun, 06 Nov 0001 08:49:37 GMT", "Tue, 19 Jan 2038 03:14:08 GMT",
        ]
        let texts = Self.integers + dates + ["Infinity", "-Infinity", "NaN", "", " "]
        for text in texts {
            for other in ["0", "9223372036854775807", "Fri, 31 Dec 9999 23:59:59 GMT", nil] {
                let limit = HookResponse.RateLimit(limit: text, remaining: "0", reset: text)
                let error = "Error. You must wait \(text) seconds before"
                let bodies = [[], Array("{\"success\":false,\"error\":\"\(error) [error-too-many-requests]\"}".utf8)]
                for (retryAfter, body) in [(text as String?, bodies[0]), (other, bodies[1]), (nil, bodies[1])] {
                    for status in [0, 200, 429, 999] {
                        let answer = HookResponse(
                            status: status, date: other, retryAfter: retryAfter, rateLimit: limit, body: body)
                        let outcome = classifier.outcome(of: .success(answer), now: .now())
                        if case .rateLimited(let wait) = outcome {
                            #expect(wait >= .seconds(1) && wait <= .seconds(120))
                        }
                        let refill = RateLimitHint(answer, error: error, now: .now()).pause
                        #expect(refill.map { $0 > .zero && $0 <= .seconds(120) } ?? true)
                    }
                }
            }
        }
    }

    @Test func serviceManagerVariablesAreClamped() {
        for text in Self.integers {
            let environment = [
                "NOTIFY_SOCKET": "/nowhere", "WATCHDOG_USEC": text, "LISTEN_FDS": text, "LISTEN_PID": "\(getpid())",
            ]
            if let interval = ServiceNotifier(environment: environment).watchdogInterval {
                #expect(interval >= .milliseconds(10) && interval <= .seconds(86_400))
                #expect(interval / 3 > .zero)
            }
            #expect((try? InheritedSockets.take(environment: environment))?.count ?? 0 <= 64)
        }
        #expect(ServiceNotifier.State.stopping(within: .seconds(Int64.max)).text.hasPrefix("STOPPING=1"))
    }
}
