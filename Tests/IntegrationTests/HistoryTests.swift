import Foundation
import TestSupport
import Testing

/// `relay history` of the built programs: each way in which a notification can end.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct HistoryTests {
    private let folder = TemporaryFolder()
    private var storage: String { folder.path + "/spool" }

    private func history(_ arguments: String...) throws -> (code: Int32?, output: String) {
        let program = try Program("relay", ["history", "--storage.path", storage] + arguments)
        return (program.exitCode(), program.output)
    }

    private func entries(_ arguments: String...) throws -> [[String: Any]] {
        let program = try Program("relay", ["history", "--storage.path", storage, "--json"] + arguments)
        #expect(program.exitCode() == 0)
        return try JSONSerialization.jsonObject(with: Data(program.output.utf8)) as? [[String: Any]] ?? []
    }

    private func outcomes(_ entries: [[String: Any]]) -> [String] {
        entries.compactMap { $0["outcome"] as? String }
    }

    private func isSettled(_ rig: Rig) -> Bool {
        eventually { rig.metric(#"relay_journal_pending{severity="critical"}"#) == 0 }
    }

    /// Delivered, duplicate, dead letter, replayed and dropped, before and after a kill.
    @Test func endsOfNotificationsAreListedAlsoAfterAKill() throws {
        let rig = try Rig(storage: storage)
        for _ in 0..<3 { #expect(rig.post(numbered(1))?.status == 200) }
        #expect(isSettled(rig))
        rig.setFault(#"{"containing":"Numbered","status":400,"body":{"success":false,"error":"odd"}}"#)
        for number in 2...3 {
            #expect(rig.post(numbered(number, group: number))?.status == 200)
            #expect(eventually { rig.metric(#"relay_dead_letters{severity="critical"}"#) == Double(number - 1) })
        }
        rig.heal()
        let letters = try entries("--outcome", "dead-letter").compactMap { $0["id"] as? String }
        try #require(letters.count == 2)
        for (verb, id) in [("replay", letters[1]), ("drop", letters[0])] {
            let command = try Program("relay", ["dead-letters", verb, id, "--storage.path", storage])
            #expect(command.exitCode() == 0, "\(command.output)")
        }
        #expect(isSettled(rig))
        #expect(try eventually { try outcomes(entries()).contains("duplicate") })

        let all = try entries()
        #expect(
            outcomes(all).sorted() == [
                "dead-letter", "dead-letter", "delivered", "delivered", "dropped", "duplicate", "replayed",
            ])
        for entry in all {
            let names = (entry["alerts"] as? [[String: String]])?.compactMap { $0["name"] }
            #expect(names == ["Numbered"] && entry["status"] as? String == "firing", "\(entry)")
        }
        let first = try #require(all.last { $0["outcome"] as? String == "delivered" })
        #expect(first["room"] as? String == "critical" && first["posts"] as? Int == 1 && first["attempts"] as? Int == 1)
        let duplicate = try #require(all.first { $0["outcome"] as? String == "duplicate" })
        #expect(duplicate["count"] as? Int == 2)
        let dead = try #require(all.first { $0["outcome"] as? String == "dead-letter" })
        #expect((dead["detail"] as? String)?.contains("odd") == true && dead["severity"] as? String == "critical")
        #expect(rig.relay.writes("duplicate suppressed") && rig.relay.writes("dead letters dropped"))

        let running = try history("--json")
        rig.relay.killNow()
        #expect(try history("--json").output == running.output, "the same from the spool of a killed relay")
        try rig.restart()
        #expect(try entries().count == all.count)
    }

    /// The conditions of the command, on a running relay.
    @Test func conditionsSelectEntries() throws {
        let rig = try Rig(storage: storage)
        #expect(rig.post(numbered(1, group: 1))?.status == 200)
        #expect(rig.post(numbered(2, group: 2, severity: "warning"))?.status == 200)
        #expect(rig.post(numbered(1, group: 1, status: "resolved"))?.status == 200)
        #expect(try eventually { try entries().count == 3 })
        #expect(try entries("--room", "warning").count == 1)
        #expect(try entries("--alert", "number*", "--status", "resolved").count == 1)
        #expect(try entries("--alert", "Other").isEmpty)
        #expect(try entries("--since", "1h").count == 3 && entries("--since", "2999-01-01T00:00:00Z").isEmpty)
        #expect(try entries("--limit", "2").count == 2)
        #expect(try entries("--outcome", "expired").isEmpty && entries("--text", "warn").count == 1)
        let table = try history("--status", "firing").output.split(separator: "\n")
        #expect(table.count == 3 && table[0].hasPrefix("ENDED (UTC)") && table[1].hasSuffix("Numbered"))
        #expect(try history("--outcome", "lost").code == 64 && history("--limit", "0").code == 64)
    }

    @Test func expiredNotificationIsListed() throws {
        let rig = try Rig(storage: storage, environment: ["RELAY_MAX_AGE": "1s"])
        for hook in ["critical", "fallback"] {
            rig.setFault(#"{"hook":"\#(hook)","status":503,"body":"down","contentType":"text/plain"}"#)
        }
        #expect(rig.post(numbered(1, group: 1))?.status == 200)
        #expect(rig.post(numbered(2, group: 2))?.status == 200)
        #expect(rig.post(numbered(1, group: 1, status: "resolved"))?.status == 200)
        #expect(
            eventually {
                (rig.metric(#"relay_journal_oldest_pending_age_seconds{severity="critical"}"#) ?? 0) > 1.2
            })
        rig.heal()
        #expect(isSettled(rig))
        #expect(try outcomes(entries()).sorted() == ["delivered", "delivered", "expired"])
        let line = try #require(rig.relay.output.split(separator: "\n").first { $0.contains("notification expired") })
        #expect(line.contains("age=") && line.contains("alerts=Numbered"), "\(line)")
    }

    @Test func foldedNotificationsNameTheirMessage() throws {
        let rig = try Rig(storage: storage, environment: ["RELAY_RATE_LIMIT": "1/2s"])
        for number in 0..<20 { #expect(rig.post(numbered(number, group: number))?.status == 200) }
        #expect(isSettled(rig))
        let all = try entries()
        #expect(all.count == 20)
        let folded = try #require(all.first { $0["fold"] is String })
        let fold = try #require(folded["fold"] as? String)
        let members = try entries("--fold", fold)
        #expect(members.count > 1 && folded["foldedWith"] as? Int == members.count - 1)
        #expect(members.last?["id"] as? String == fold)
    }

    @Test func reroutedNotificationIsListedWithItsRoom() throws {
        let rig = try Rig(storage: storage)
        rig.setFault(#"{"hook":"critical","integration":{"room":"archived"}}"#)
        #expect(rig.post(numbered(1))?.status == 200)
        #expect(isSettled(rig))
        let entry = try #require(try entries("--room", "fallback").first)
        #expect(entry["rerouted"] as? Bool == true && entry["attempts"] as? Int == 2)
        #expect(try history().output.contains("rerouted"))
        let line = try #require(rig.relay.output.split(separator: "\n").last { $0.contains("delivered") })
        #expect(line.contains("rerouted=true"), "\(line)")
    }

    @Test func settingsLimitTheHistory() throws {
        let rig = try Rig(storage: storage, environment: ["RELAY_HISTORY_MAX_ENTRIES": "0"])
        #expect(rig.post(numbered(1))?.status == 200)
        #expect(isSettled(rig))
        #expect(try entries().isEmpty && rig.metric("relay_history_entries") == 0)
        #expect(try history().output == "no entries\n")
    }
}
