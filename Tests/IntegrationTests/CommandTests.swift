import Foundation
import TestSupport
import Testing

/// Tests of the built program's commands.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct CommandTests {
    private func run(_ arguments: [String], environment: [String: String] = [:]) throws -> (
        code: Int32?, output: String
    ) {
        let program = try Program("relay", arguments, environment: environment)
        return (program.exitCode(), program.output)
    }

    /// A rig with one dead letter per number, and the parent folder of its spool.
    private func rig(dead numbers: [Int]) throws -> (Rig, TemporaryFolder) {
        let folder = TemporaryFolder()
        let rig = try Rig(storage: folder.path + "/spool")
        rig.setFault(#"{"containing":"Numbered","status":400,"body":{"success":false,"error":"odd"}}"#)
        for number in numbers { #expect(rig.post(numbered(number, group: number))?.status == 200) }
        #expect(
            eventually { rig.metric(#"relay_dead_letters{severity="critical"}"#) == Double(numbers.count) })
        return (rig, folder)
    }

    private func ids(_ folder: TemporaryFolder) throws -> [String] {
        let list = try run(["dead-letters", "list", "--storage.path", folder.path + "/spool"])
        #expect(list.code == 0, "\(list.output)")
        return list.output.split(separator: "\n").dropFirst().compactMap {
            $0.split(separator: " ").first.map(String.init)
        }
    }

    @Test func deadLettersOfARunningRelayAreShownReplayedAndDropped() throws {
        let (rig, folder) = try rig(dead: [1, 2, 3])
        let storage = ["--storage.path", folder.path + "/spool"]
        let ids = try ids(folder)
        try #require(ids.count == 3)
        let shown = try run(["dead-letters", "show", ids[0]] + storage)
        #expect(shown.code == 0)
        for part in ["refused", "attempts:    12", "HTTP 400: odd", "Numbered", "n1x"] {
            #expect(shown.output.contains(part), "\(shown.output)")
        }
        rig.heal()
        #expect(try run(["dead-letters", "replay", ids[1]] + storage).output == "replayed 1 dead letter\n")
        #expect(rig.relay.writes("msg=\"dead letters replayed\""))
        #expect(try eventually { try rig.messages().contains { $0.whole.contains("n2x") } })
        let mixed = try run(["dead-letters", "drop", ids[0], "99999"] + storage)
        #expect(mixed.code == 1)
        #expect(mixed.output.contains("dropped 1 dead letter"))
        #expect(mixed.output.contains("there is no dead letter 99999"))
        #expect(try run(["dead-letters", "replay", "--all"] + storage).code == 0)
        #expect(try eventually { try rig.messages().last?.whole.contains("n3x") == true })
        #expect(try run(["dead-letters", "list"] + storage).output == "no dead letters\n")
    }

    @Test func deadLettersOfAStoppedRelayAreReplayedAtItsNextStart() throws {
        let (rig, folder) = try rig(dead: [1, 2])
        rig.relay.send(SIGTERM)
        #expect(rig.relay.exitCode() == 0)
        #expect(!FileManager.default.fileExists(atPath: folder.path + "/spool/control.sock"))
        let ids = try ids(folder)
        let json = try run(["dead-letters", "show", "--json", ids[0], "--storage.path", folder.path + "/spool"])
        let object = try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any]
        #expect(object?["reason"] as? String == "refused")
        #expect((object?["body"] as? String)?.contains("n1x") == true)
        #expect(try run(["dead-letters", "replay", "--all", "--storage.path", folder.path + "/spool"]).code == 0)
        rig.heal()
        try rig.restart()
        let posted = { try rig.messages().map(\.whole).filter { $0.contains("Numbered") } }
        #expect(try eventually { try posted().count == 2 })
        #expect(try posted().map { $0.contains("n1x") } == [true, false])
        #expect(try posted().allSatisfy { $0.contains("replayed, accepted") })
    }

    @Test func failedWritesOfOutputAreErrors() throws {
        let body = try Program.path("relay")
        for command in ["render \(Rig.fixtures.path)/two-alerts.json", "dead-letters list"] {
            let (rig, folder) = try rig(dead: [])
            let line = "'\(body)' \(command) >/dev/full"
            let lost = try Program(
                "sh", ["-c", line], environment: ["RELAY_STORAGE_PATH": folder.path + "/spool"])
            #expect(lost.exitCode() == 1 && lost.output.contains("No space left"), "\(lost.output)")
            withExtendedLifetime(rig) {}
        }
        for option in ["--version", "--help", "serve --help", "help render"] {
            let lost = try Program("sh", ["-c", "'\(body)' \(option) >/dev/full"])
            #expect(lost.exitCode() == 1 && lost.output.contains("No space left"), "\(option): \(lost.output)")
            let kept = try run(option.split(separator: " ").map(String.init))
            #expect(kept.code == 0 && kept.output.contains("relay"), "\(option): \(kept.output)")
        }
    }

    @Test func checkConfigRefusesAStoragePathThatIsNotAFolder() throws {
        let folder = TemporaryFolder()
        let file = folder.path + "/file"
        try Data().write(to: URL(filePath: file))
        let hook = ["ROCKETCHAT_WEBHOOK_INFO": "http://127.0.0.1:9/hooks/a/b"]
        let checked = try run(["check-config", "--storage.path", file], environment: hook)
        #expect(checked.code == 2)
        #expect(checked.output.contains("RELAY_STORAGE_PATH: \"\(file)\" is not a folder"), "\(checked.output)")
    }

    @Test func controlSocketRespondsInPlainText() throws {
        let folder = TemporaryFolder()
        let rig = try Rig(storage: folder.path + "/spool")
        for (path, status) in [("/dead-letters/list", "200"), ("/dead-letters/none", "404"), ("/", "404")] {
            let curl = try Program(
                "curl",
                [
                    "-sS", "-i", "-d", "\n", "--unix-socket", folder.path + "/spool/control.sock",
                    "http://relay" + path,
                ])
            #expect(curl.exitCode() == 0)
            #expect(curl.output.hasPrefix("HTTP/1.1 \(status) "), "\(curl.output)")
            #expect(curl.output.contains("Content-Type: text/plain; charset=utf-8\r\n"), "\(curl.output)")
        }
        withExtendedLifetime(rig) {}
    }

    @Test func renderEnforcesTheBodyLimitOfServe() throws {
        let endless = try run(["render", "/dev/zero"], environment: ["RELAY_MAX_BODY_SIZE": "1MiB"])
        #expect(endless.code == 1 && endless.output.contains("1048576"), "\(endless.output)")
    }

    /// Also in a pipe of two commands, which open the spool one after the other.
    @Test func idsAreReadFromStandardInput() throws {
        let (rig, folder) = try rig(dead: [1, 2, 3])
        let storage = ["--storage.path", folder.path + "/spool"]
        let ids = try ids(folder)
        func drop(_ input: String, _ more: String...) throws -> (code: Int32?, output: String) {
            let file = folder.path + "/ids"
            try input.write(toFile: file, atomically: true, encoding: .utf8)
            let opened = try FileHandle(forReadingFrom: URL(filePath: file))
            let program = try Program(
                "relay", ["dead-letters", "drop"] + more + ["-"] + storage, input: opened.fileDescriptor)
            return (program.exitCode(), program.output)
        }
        let wrong = try drop(ids[0] + "\n\n12 0x1F\n")
        #expect(wrong.code == 1 && wrong.output == "relay: standard input: line 3: '0x1F' is no id\n")
        #expect(try drop(" \n").output == "relay: standard input: it names no dead letter\n")
        // More ids than fit on a command line, the last without a line break.
        let absent = (1...50_000).map { String(1_000_000 + $0) }
        let many = try drop((absent + [ids[1]]).joined(separator: "\n"), ids[0])
        #expect(many.code == 1 && many.output.contains("dropped 2 dead letters"))
        rig.relay.send(SIGTERM)
        #expect(rig.relay.exitCode() == 0)
        let relay = "'\(try Program.path("relay"))' dead-letters"
        let spool = "--storage.path '\(folder.path)/spool'"
        let line = "\(relay) list \(spool) | grep -o '^[0-9][0-9]*' | \(relay) drop - \(spool)"
        let piped = try Program("sh", ["-c", line])
        #expect(piped.exitCode() == 0 && piped.output == "dropped 1 dead letter\n", "\(piped.output)")
    }

    @Test func controlSocketIsAccessibleToItsOwnerOnly() throws {
        let folder = TemporaryFolder()
        let rig = try Rig(storage: folder.path + "/spool")
        #expect(rig.get("/-/ready")?.status == 200)
        let attributes = try FileManager.default.attributesOfItem(atPath: folder.path + "/spool/control.sock")
        #expect(attributes[.posixPermissions] as? Int == 0o600)
        rig.relay.killNow()
        try rig.restart()
        #expect(try run(["dead-letters", "list", "--storage.path", folder.path + "/spool"]).code == 0)
    }

    @Test func missingSpoolIsReported() throws {
        let folder = TemporaryFolder()
        let list = try run(["dead-letters", "list", "--storage.path", folder.path])
        #expect(list.code == 1)
        #expect(list.output.contains("there is no spool in \(folder.path)"))
    }

    @Test func healthcheckSucceedsOnlyForAWorkingRelay() throws {
        let rig = try Rig()
        #expect(try run(["healthcheck", "http://127.0.0.1:\(rig.port)/health"]).code == 0)
        #expect(try run(["healthcheck"], environment: ["PORT": "\(rig.port)"]).code == 0)
        #expect(try run(["healthcheck", "http://127.0.0.1:\(rig.port)/nothing"]).code == 1)
        rig.relay.killNow()
        #expect(try run(["healthcheck", "http://127.0.0.1:\(rig.port)/health"]).code == 1)
    }

    @Test func renderPrintsTheMessagesOfServe() throws {
        let path = Rig.fixtures.appending(path: "14-distinct-severities.am0331.json").path
        let json = try run(["render", path])
        #expect(json.code == 0)
        let rooms = try json.output.split(separator: "\n").map { line in
            try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
        }
        #expect(rooms.compactMap { $0?["room"] as? String } == ["critical", "warning", "info", "fallback"])
        #expect((rooms[0]?["message"] as? [String: Any])?["parseUrls"] as? Bool == false)
        // Without a fallback, serve posts alerts of an unknown severity to the room of warnings.
        let hooks = ["CRITICAL", "WARNING"].map { ("ROCKETCHAT_WEBHOOK_\($0)", "http://127.0.0.1:9/hooks/a/b") }
        let routed = try run(["render", path], environment: Dictionary(uniqueKeysWithValues: hooks)).output
        let names = ["critical", "warning", "warning", "warning"]
        #expect(routed.split(separator: "\n").map { $0.prefix(40) }.elementsEqual(names) { $0.contains("\"\($1)\"") })
        #expect(try run(["render", "--format", "text", path]).output.contains("#critical"))
        #expect(try run(["render", "--format", "html", path]).output.hasPrefix("<!doctype html>"))
        let local = try run(["render", path], environment: ["RELAY_TIMEZONE": "Asia/Kathmandu"]).output
        #expect(local.contains("2026-11-23 22:49 +0545") && json.output.contains("2026-11-23 17:04 UTC"))
        let bad = try run(["render", "/nowhere.json"])
        #expect(bad.code == 1 && bad.output.contains("/nowhere.json: No such file"))
    }

    @Test(arguments: ["legacy", "h80"])
    func sendTestReportsRocketChatsResponse(profile: String) throws {
        let rig = try Rig(mockArguments: ["--limiter", "off", "--profile", profile])
        let hook = ["ROCKETCHAT_WEBHOOK_CRITICAL": "http://127.0.0.1:\(rig.mockPort)/hooks/critical/t0ken"]
        let good = try run(["send-test"], environment: hook)
        #expect(good.code == 0, "\(good.output)")
        #expect(try rig.messages(hook: "critical").first?.text.contains("TEST") == true)
        rig.setFault(#"{"hook":"critical","integration":{"known":false}}"#)
        let wrong = try run(["send-test", "--resolved"], environment: hook)
        #expect(wrong.code == 1)
        #expect(wrong.output.contains("id or token"))
        #expect(!wrong.output.contains("t0ken"))
    }

    @Test func checkConfigReportsAllProblems() throws {
        let wrong = ["PORT": "x", "RELAY_RATE_LIMIT": "ten", "RELAY_TEXT_LIMIT": "1", "LOG_LEVEL": "loud"]
        let bad = try run(["check-config"], environment: wrong)
        #expect(bad.code == 2)
        for key in wrong.keys { #expect(bad.output.contains("\(key): "), "\(bad.output)") }
        let good = try run(
            ["check-config"], environment: ["ROCKETCHAT_WEBHOOK_INFO": "https://chat.example.com/hooks/id/s3cret"])
        #expect(good.code == 0)
        #expect(good.output.contains("info: https://chat.example.com/hooks/") && !good.output.contains("s3cret"))
    }

    @Test func checkConfigReportsTheLineOfEachMistake() throws {
        let file = Rig.fixtures.appending(path: "seven-mistakes.yml").path
        let checked = try run(["check-config", "--config.file", file])
        #expect(checked.code == 2)
        let lines = checked.output.split(separator: "\n")
        #expect(lines.count == 7, "\(checked.output)")
        #expect(
            lines.allSatisfy { $0.contains(#/seven-mistakes\.yml:[0-9]+:[0-9]+: [a-z_.]+: /#) }, "\(checked.output)")
    }

    @Test func hangupReloadsTheConfigurationFile() throws {
        let folder = TemporaryFolder()
        let file = folder.path + "/relay.yml"
        func write(_ level: String) throws {
            try "log_level: \(level)\nseverity_aliases: {critical: [\(level)]}\n"
                .write(toFile: file, atomically: true, encoding: .utf8)
        }
        try write("info")
        let rig = try Rig(environment: ["RELAY_CONFIG": file])
        try write("debug")
        rig.relay.send(SIGHUP)
        #expect(
            try eventually {
                rig.post(numbered(Int.random(in: 0...1_000_000), severity: "debug"))
                return try !rig.messages(hook: "critical").isEmpty
            })
        try write("loud")
        rig.relay.send(SIGHUP)
        #expect(rig.relay.writes("relay.yml:1:12: log_level: "))
        #expect(rig.metric("relay_config_last_reload_successful") == 0)
    }

    @Test func versionListsTheLibraries() throws {
        let version = try run(["--version"])
        #expect(version.code == 0)
        for word in ["relay 0.", "revision:", "swift:", "libevent: 2.1", "libcurl/", "sqlite: 3."] {
            #expect(version.output.contains(word), "\(version.output)")
        }
    }

    @Test func hangupAndReloadRouteReloadTheToken() throws {
        let folder = TemporaryFolder()
        let file = folder.path + "/token"
        try "first".write(toFile: file, atomically: true, encoding: .utf8)
        let rig = try Rig(environment: ["RELAY_AUTH_TOKEN_FILE": file, "RELAY_ENABLE_RELOAD": "true"])
        let first = ["Authorization: Bearer first"], second = ["Authorization: Bearer second"]
        #expect(rig.post(numbered(1), headers: first)?.status == 200)
        try "second".write(toFile: file, atomically: true, encoding: .utf8)
        rig.relay.send(SIGHUP)
        #expect(eventually { rig.post(numbered(2), headers: second)?.status == 200 })
        #expect(rig.post(numbered(3), headers: first)?.status == 401)

        try "".write(toFile: file, atomically: true, encoding: .utf8)
        rig.relay.send(SIGHUP)
        #expect(eventually { rig.metric("relay_config_last_reload_successful") == 0 })
        #expect(rig.post(numbered(4), headers: second)?.status == 200, "a bad configuration changes nothing")

        try "third".write(toFile: file, atomically: true, encoding: .utf8)
        #expect(Client.request("POST", "/-/reload", port: rig.port)?.status == 401)
        #expect(Client.request("POST", "/-/reload", port: rig.port, headers: second)?.status == 200)
        #expect(rig.metric("relay_config_last_reload_successful") == 1)
        #expect(rig.post(numbered(5), headers: ["Authorization: Bearer third"])?.status == 200)
    }
}
