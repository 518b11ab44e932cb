import Foundation
import TestSupport
import Testing

/// Commands from rooms: the mock plays Rocket.Chat's outgoing webhook, a real Alertmanager carries the commands out.
@Suite(.serialized, .timeLimit(.minutes(5)))
struct ChatOpsTests {
    private static let token = "abcdefghijklmnopqrstuvwx"

    /// The relay with a mock's room, and an Alertmanager that posts to it.
    private final class Setup {
        let rig: Rig
        let alertmanager: Alertmanager

        init(environment: [String: String] = [:]) throws {
            let port = try Loopback.freePort()
            rig = try Rig(
                environment: [
                    "RELAY_CHATOPS_TOKEN": token, "RELAY_ALERTMANAGER_URL": "http://127.0.0.1:\(port)",
                    "RELAY_CHATOPS_SILENCE_BUTTON": "2h", "RELAY_CHATOPS_USERS": "alice,bob",
                    "RELAY_CHATOPS_CHANNELS": "#critical",
                ].merging(environment) { $1 })
            alertmanager = try Alertmanager(webhook: rig.port, ownPort: port)
            integrate(token: token)
        }

        /// Sets the outgoing webhook of the mock.
        func integrate(token: String) {
            let body = #"{"url":"http://127.0.0.1:\#(rig.port)/rocketchat","token":"\#(token)"}"#
            #expect(Client.request("PUT", "/outgoing", port: rig.mockPort, body: Array(body.utf8))?.status == 200)
        }

        func fire(_ labels: [String: String]) throws {
            let start = ISO8601DateFormatter().string(from: Date().addingTimeInterval(-60))
            try alertmanager.post(alerts: [["labels": labels, "startsAt": start, "annotations": ["summary": "s"]]])
        }

        /// The silences of Alertmanager that are active.
        func silences() -> [[String: Any]] {
            list("/api/v2/silences").filter { ($0["status"] as? [String: Any])?["state"] as? String == "active" }
        }

        func list(_ path: String) -> [[String: Any]] {
            let body = Client.request("GET", path, port: alertmanager.port)?.body ?? ""
            return (try? JSONSerialization.jsonObject(with: Data(body.utf8)) as? [[String: Any]]) ?? []
        }

        /// Sends a control request to the mock; returns the members of its response.
        func control(_ path: String, _ members: [String: Any]) throws -> [String: Any] {
            let body = [UInt8](try JSONSerialization.data(withJSONObject: members))
            let answer = try #require(Client.request("POST", path, port: rig.mockPort, body: body))
            #expect(answer.status == 200, "\(answer.body)")
            return try JSONSerialization.jsonObject(with: Data(answer.body.utf8)) as? [String: Any] ?? [:]
        }

        struct Call {
            var status: Int
            var outcome: String
            var answer: String
        }

        func calls() throws -> [Call] {
            let answer = try #require(Client.request("GET", "/outgoing", port: rig.mockPort))
            let state = try JSONSerialization.jsonObject(with: Data(answer.body.utf8)) as? [String: Any]
            return (state?["calls"] as? [[String: Any]] ?? []).map { call in
                Call(
                    status: call["status"] as? Int ?? 0, outcome: call["outcome"] as? String ?? "",
                    answer: call["answer"] as? String ?? "")
            }
        }

        /// Types a message, waits until its outgoing webhook has ended, and returns the call.
        func type(_ text: String, user: String = "alice", room: String = "critical", _ more: [String: Any] = [:]) throws
            -> Call
        {
            let number = try calls().count
            let typed = try control("/type", ["room": room, "user": user, "text": text].merging(more) { $1 })
            #expect(typed["triggered"] as? Bool == true)
            return try finished(number)
        }

        func finished(_ number: Int) throws -> Call {
            #expect(try eventually { try calls().count > number && calls()[number].outcome != "waiting" })
            return try calls()[number]
        }

        /// The text of the answer, unescaped.
        func text(of call: Call) -> String {
            let answer = try? JSONSerialization.jsonObject(with: Data(call.answer.utf8)) as? [String: Any]
            return answer?["text"] as? String ?? ""
        }

        /// Types a command and returns the answer.
        func answer(to text: String, user: String = "alice", room: String = "critical") throws -> String {
            self.text(of: try type(text, user: user, room: room))
        }

        /// The first ID in code of a text.
        func id(in text: String) throws -> String {
            String(try #require(text.firstMatch(of: /`([0-9a-f][0-9a-f-]+)`/)).1)
        }
    }

    @Test func pressedButtonSilencesTheAlertUntilTheSilenceIsEnded() throws {
        let setup = try Setup()
        let labels = [
            "alertname": "DiskFull", "severity": "critical", "instance": #"db-1 "x\y" *z*"#, "team": "größe, b=c",
        ]
        try setup.fire(labels)
        let card = try #require(try setup.rig.waitForMessages(1, hook: "critical").first)
        let actions = card.attachments.flatMap { $0["actions"] as? [[String: Any]] ?? [] }
        let command = try #require(actions.last?["msg"] as? String)
        #expect(command.wholeMatch(of: /!silence 2h [0-9a-f]{6}/) != nil)
        #expect(
            actions.last?["msg_in_chat_window"] as? Bool == true && actions.last?["text"] as? String == "Silence 2h")

        let pressed = try setup.control("/press", ["id": card.id, "button": actions.count - 1, "user": "alice"])
        let call = try setup.finished(0)
        #expect(call.status == 200 && call.outcome == "posted", "\(call)")
        let silence = try #require(setup.silences().first)
        let matchers = silence["matchers"] as? [[String: Any]] ?? []
        #expect(
            Dictionary(uniqueKeysWithValues: matchers.map { ($0["name"] as? String ?? "", $0["value"] as? String) })
                == labels.mapValues(Optional.some))
        #expect(matchers.allSatisfy { $0["isRegex"] as? Bool == false && $0["isEqual"] as? Bool != false })
        #expect(silence["createdBy"] as? String == "alice (Rocket.Chat)")
        let messageID = try #require(pressed["id"] as? String)
        #expect(
            silence["comment"] as? String
                == "Silenced from Rocket.Chat (https://chat.example.com/channel/critical?msg=\(messageID))")
        let end = try #require(silence["endsAt"] as? String)
        let format = ISO8601DateFormatter()
        format.formatOptions = [.withInternetDateTime, .withFractionalSeconds]
        #expect(try #require(format.date(from: end)).timeIntervalSinceNow > 7_000)

        let room = try setup.rig.messages(hook: "critical")
        let answer = try #require(room.last)
        #expect(room.contains { $0.text == command } && answer.threadID == messageID)
        #expect(
            answer.text.contains("`alice` silenced DiskFull on ") && answer.text.contains(" until "), "\(answer.text)")
        #expect(
            setup.list("/api/v2/alerts").allSatisfy {
                ($0["status"] as? [String: Any])?["state"] as? String == "suppressed"
            })

        let listed = try setup.answer(to: "!silences", user: "bob")
        #expect(listed.contains("1 active silence") && listed.contains("alice (Rocket.Chat)"), "\(listed)")
        let id = try setup.id(in: listed)
        #expect(answer.text.hasSuffix("`!unsilence \(id)`"))
        #expect(try setup.answer(to: "!unsilence \(id)", user: "bob").contains("ended the silence"))
        #expect(setup.silences().isEmpty)
        #expect(try setup.answer(to: "!silences") == "No silence is active")
        #expect(setup.rig.metric(#"relay_chatops_commands_total{command="silence",result="done"}"#) == 1)
        #expect(setup.rig.metric(#"relay_chatops_commands_total{command="unsilence",result="done"}"#) == 1)
        #expect(setup.rig.relay.output.contains("user=alice") && !setup.rig.relay.output.contains(Self.token))
    }

    @Test func commandsByMatchersAndIDsReachAlertmanager() throws {
        let setup = try Setup()
        try setup.fire(["alertname": "HighCPU", "severity": "critical", "instance": "web-1"])
        try setup.fire(["alertname": "HighCPU", "severity": "warning", "instance": "web-2"])
        let alerts = try setup.answer(to: "!alerts")
        let lines = alerts.split(separator: "\n")
        #expect(lines.first == "2 alerts fire:" && lines.dropFirst().first?.contains("`critical` HighCPU") == true)
        let comment = #"@all *why* [x](http://evil.example.com) `code` \"quote\""#
        let byID = try setup.answer(to: "!silence \(try setup.id(in: alerts)) 1d12h \(comment)")
        #expect(byID.contains("silenced HighCPU on `web-1`") && byID.contains("(1 d 12 h)"), "\(byID)")
        let stored = try #require(setup.silences().first?["comment"] as? String)
        #expect(stored.hasPrefix(comment + " (https://"), "\(stored)")
        #expect(try !setup.answer(to: "!silences").contains(" @all"))

        let byMatchers = try setup.answer(
            to: #"!silence 30m alertname=HighCPU instance=~“web.*” severity!="critical" maintenance"#)
        #expect(byMatchers.contains("\n1 alert that fires now matches"), "\(byMatchers)")
        let silences = setup.silences()
        #expect(silences.count == 2)
        let matchers = silences.first { ($0["comment"] as? String)?.hasPrefix("maintenance") == true }?["matchers"]
        let kinds = (matchers as? [[String: Any]] ?? []).map { matcher in
            "\(matcher["name"] as? String ?? "") \(matcher["isEqual"] as? Bool == true) "
                + "\(matcher["isRegex"] as? Bool == true)"
        }
        #expect(kinds.sorted() == ["alertname true false", "instance true true", "severity false false"])
        #expect(try setup.answer(to: "!alerts").hasPrefix("No alert fires (2 more silenced"))
        #expect(try setup.answer(to: "!silence 2h").hasPrefix("Say what"))
        #expect(try setup.answer(to: "!silence 2h ffffff").contains("No firing alert has the id"))
    }

    @Test func messagesThatAreNoCommandsOfAuthorizedPeopleChangeNothing() throws {
        let setup = try Setup()
        let command = "!silence 2h alertname=X"
        for more: [String: Any] in [["bot": ["i": "x"]], ["bot": true], ["isEdited": true]] {
            let call = try setup.type(command, more)
            #expect(call.status == 200 && call.answer == "{}" && call.outcome == "nothing to post")
        }
        #expect(try setup.answer(to: command, user: "mallory").contains("You may not use commands"))
        #expect(try setup.answer(to: command, user: "@all").contains("You may not use commands"))
        #expect(try setup.answer(to: command, room: "info").contains("not accepted in this room"))
        #expect(setup.silences().isEmpty)

        #expect(try setup.type(command, ["id": "aaaaaaaaaaaaaaaaa"]).outcome == "posted")
        #expect(try setup.type(command, ["id": "aaaaaaaaaaaaaaaaa"]).answer == "{}")
        #expect(setup.silences().count == 1)

        setup.integrate(token: "abcdefghijklmnopqrstuvwX")
        let refused = try setup.type(command)
        #expect(refused.status == 403 && refused.outcome == "failed")
        #expect(setup.silences().count == 1)
        #expect(setup.rig.metric(#"relay_payloads_rejected_total{reason="unauthorized"}"#) == 1)
        setup.integrate(token: Self.token)

        setup.alertmanager.program.send(SIGTERM)
        #expect(setup.alertmanager.program.exitCode() != nil)
        #expect(try setup.answer(to: command) == "Alertmanager cannot be reached; nothing was changed")
        #expect(setup.rig.metric(#"relay_chatops_failures_total{reason="network"}"#) == 1)
    }

    /// Alertmanager hangs, and a person floods the room.
    @Test func floodOfCommandsDoesNotDelayWebhooks() throws {
        let hanging = try LoopbackServer { $0.hang() }
        defer { hanging.stop() }
        let setup = try Setup(environment: ["RELAY_ALERTMANAGER_URL": hanging.url(""), "RELAY_REPLY_TIMEOUT": "2s"])
        for number in 0..<100 {
            let user = number % 2 == 0 ? "alice" : "bob"
            _ = try setup.control("/type", ["room": "critical", "user": user, "text": "!alerts"])
        }
        let start = ContinuousClock.now
        for number in 0..<20 { #expect(setup.rig.post(numbered(number))?.status == 200) }
        #expect(ContinuousClock.now - start < .seconds(5))
        #expect(try eventually { try setup.calls().allSatisfy { $0.outcome != "waiting" } })
        let calls = try setup.calls()
        #expect(calls.count == 100 && calls.allSatisfy { $0.status == 200 })
        #expect(calls.filter { $0.answer == "{}" }.count >= 30, "a flood is not answered")
        #expect(setup.rig.relay.isRunning)
    }
}
