import Foundation
import TestSupport
import Testing

/// How the built program's commands find a spool, authorize users and read settings.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct DeadLetterTests {
    private func run(_ arguments: [String], environment: [String: String] = [:]) throws -> (
        code: Int32?, output: String
    ) {
        let program = try Program("relay", arguments, environment: environment)
        return (program.exitCode(), program.output)
    }

    private func makeOneDeadLetter(_ rig: Rig) {
        rig.setFault(#"{"containing":"Numbered","status":400,"body":{"success":false,"error":"odd"}}"#)
        #expect(rig.post(numbered(1))?.status == 200)
        #expect(eventually { rig.metric(#"relay_dead_letters{severity="critical"}"#) == 1 })
    }

    /// A firing that every room refused, and whose resolve was posted: a replay must not leave the room at "firing".
    @Test(arguments: [false, true])
    func replayOfAResolvedAlertIsOver(isForced: Bool) throws {
        let folder = TemporaryFolder()
        let rig = try Rig(storage: folder.path + "/spool")
        makeOneDeadLetter(rig)
        rig.heal()
        #expect(rig.post(numbered(1, status: "resolved"))?.status == 200)
        // The room that refused the firing gets a probe first, so the resolve can take five seconds.
        #expect(try eventually { try rig.messages().last?.text.contains("resolved") == true })
        #expect(eventually { rig.metric(#"relay_journal_pending{severity="critical"}"#) == 0 })
        rig.relay.killNow()
        try rig.restart()
        let command = ["dead-letters", "replay", "--all", "--storage.path", folder.path + "/spool"]
        let replay = try run(command + (isForced ? ["--force"] : []))
        #expect(replay.code == 0 && replay.output == "replayed 1 dead letter\n", "\(replay.output)")
        #expect(try eventually { try rig.messages().last?.text.contains("replayed") == true })
        let text = try #require(try rig.messages().last).text
        #expect(text.contains("resolved since") != isForced && text.contains("firing") == isForced, "\(text)")
        #expect(eventually { rig.metric(#"relay_dead_letters{severity="critical"}"#) == 0 })
    }

    @Test func storagePathTooLongForASocketWorks() throws {
        let folder = TemporaryFolder()
        let storage = folder.path + "/" + String(repeating: "x", count: 120)
        let rig = try Rig(storage: storage)
        makeOneDeadLetter(rig)
        let list = try run(["dead-letters", "list", "--storage.path", storage])
        #expect(list.code == 0 && list.output.contains("Numbered"), "\(list.output)")
        #expect(FileManager.default.fileExists(atPath: storage + "/control.sock"))
        rig.relay.send(SIGTERM)
        #expect(rig.relay.exitCode() == 0)
        #expect(!FileManager.default.fileExists(atPath: storage + "/control.sock"))
    }

    @Test func commandsReadStorageAndAddressFromTheFile() throws {
        let folder = TemporaryFolder()
        let rig = try Rig(storage: folder.path + "/spool")
        let file = folder.path + "/relay.yml"
        // These commands need neither a hook nor the secret, whose file cannot be read.
        let yaml = "storage_path: \(folder.path)/spool\nlisten: 127.0.0.1:\(rig.port)\nauth_tokens_file: /nowhere\n"
        try yaml.write(toFile: file, atomically: true, encoding: .utf8)
        let list = try run(["dead-letters", "list", "--config.file", file])
        #expect(list.code == 0 && list.output == "no dead letters\n", "\(list.output)")
        let check = try run(["healthcheck"], environment: ["RELAY_CONFIG": file])
        #expect(check.code == 0, "\(check.output)")
        let environment = ["RELAY_LISTEN": "127.0.0.1:\(rig.port)"]
        #expect(try run(["healthcheck"], environment: environment).code == 0)
    }

    @Test func renderUsesTheSettingsOfServe() throws {
        let folder = TemporaryFolder()
        let (file, body) = (folder.path + "/relay.yml", folder.path + "/body.json")
        let yaml = "severity_aliases: {critical: [boom]}\nemoji: \":fire:\"\n"
        try yaml.write(toFile: file, atomically: true, encoding: .utf8)
        try Data(numbered(1, severity: "boom")).write(to: URL(filePath: body))
        let rendered = try run(["render", "--config.file", file, body])
        #expect(rendered.code == 0, "\(rendered.output)")
        #expect(rendered.output.hasPrefix(#"{"room":"critical","#) && rendered.output.contains(":fire:"))
        try "log_level: loud\n".write(toFile: file, atomically: true, encoding: .utf8)
        let wrong = try run(["render", "--config.file", file, body])
        #expect(wrong.code == 1 && wrong.output.contains("relay.yml:1:12: log_level: "), "\(wrong.output)")
    }

    @Test func spoolOfAnUnreachableRelayIsReportedAsInUse() throws {
        let folder = TemporaryFolder()
        let rig = try Rig(storage: folder.path + "/spool")
        try FileManager.default.removeItem(atPath: folder.path + "/spool/control.sock")
        let list = try run(["dead-letters", "list", "--storage.path", folder.path + "/spool"])
        #expect(list.code == 1)
        #expect(list.output.contains("in use by process \(rig.relay.id), which takes no commands now"))
    }

    /// Needs root to run the command as another user.
    @Test(.enabled(if: geteuid() == 0 && FileManager.default.isExecutableFile(atPath: "/usr/bin/setpriv")))
    func otherUsersAreRefusedEvenOnAWorldWritableSocket() throws {
        let folder = TemporaryFolder()
        let storage = folder.path + "/spool"
        let rig = try Rig(storage: storage)
        #expect(rig.get("/-/ready")?.status == 200)
        let list = try [Program.path("relay"), "dead-letters", "list", "--storage.path", storage]
        let stranger = ["--reuid", "65534", "--regid", "65534", "--clear-groups", "--"] + list
        func asStranger() throws -> (code: Int32?, output: String) {
            let program = try Program("/usr/bin/setpriv", stranger)
            return (program.exitCode(), program.output)
        }
        let closed = try asStranger()
        #expect(closed.code == 1)
        #expect(closed.output.contains("cannot be reached: Permission denied"), "\(closed.output)")
        #expect(chmod(folder.path, 0o755) == 0 && chmod(storage, 0o755) == 0)
        #expect(chmod(storage + "/control.sock", 0o666) == 0)
        let open = try asStranger()
        #expect(open.code == 1)
        #expect(open.output.contains("only from its own user and from root"), "\(open.output)")
    }

    /// Control and formatting characters in a server's response must not reach a terminal or the log unescaped.
    @Test func serverTextIsEscapedInLogsAndOutput() throws {
        let folder = TemporaryFolder()
        let rig = try Rig(storage: folder.path + "/spool")
        let harmful = Set(
            "\u{1B}\u{9B}\u{7F}\u{85}\u{2028}\u{2029}\u{202E}\u{2066}\u{200B}\u{FEFF}\u{AD}".unicodeScalars)
        let escapes = harmful.map { "\\u" + String(0x10000 + $0.value, radix: 16).suffix(4) }.joined(separator: "x")
        let refusal = "\"status\":400,\"body\":{\"success\":false,\"error\":\"odd \(escapes)\"}}"
        rig.setFault("{\"containing\":\"Numbered\"," + refusal)
        #expect(rig.post(numbered(1))?.status == 200)
        #expect(eventually { rig.metric(#"relay_dead_letters{severity="critical"}"#) == 1 })
        let storage = ["--storage.path", folder.path + "/spool"]
        let list = try run(["dead-letters", "list"] + storage)
        let id = try #require(list.output.split(separator: "\n").last?.split(separator: " ").first.map(String.init))
        let hook = "http://127.0.0.1:\(rig.mockPort)/hooks/critical/t0kencritical"
        rig.setFault("{\"hook\":\"critical\"," + refusal)
        let outputs = [
            rig.relay.output, list.output, try run(["dead-letters", "list", "--json"] + storage).output,
            try run(["dead-letters", "show", id] + storage).output,
            try run(["dead-letters", "show", "--json", id] + storage).output,
            try run(["send-test"], environment: ["ROCKETCHAT_WEBHOOK_CRITICAL": hook]).output,
        ]
        for output in outputs {
            #expect(output.contains("odd"), "the server's words are there: \(output)")
            #expect(output.unicodeScalars.allSatisfy { !harmful.contains($0) }, "\(output)")
        }
        #expect(outputs[4].contains("\\u202e"), "nothing is lost for a program")
    }

    /// Needs root to run a process as another user.
    @Test(.enabled(if: geteuid() == 0 && FileManager.default.isExecutableFile(atPath: "/usr/bin/setpriv")))
    func socketOfAnotherUsersProcessIsNotUsed() throws {
        let folder = TemporaryFolder()
        let storage = folder.path + "/spool"
        #expect(mkdir(storage, 0o755) == 0 && chmod(folder.path, 0o777) == 0 && chmod(storage, 0o777) == 0)
        let serve =
            "my $s = IO::Socket::UNIX->new(Local => '\(storage)/control.sock', Listen => 1) or die $!; "
            + "$| = 1; print 'listening'; sleep 60"
        let stranger = try Program(
            "/usr/bin/setpriv",
            [
                "--reuid", "65534", "--regid", "65534", "--clear-groups", "--", "/usr/bin/perl", "-MIO::Socket::UNIX",
                "-e",
                serve,
            ])
        #expect(stranger.writes("listening"), "\(stranger.output)")
        let list = try run(["dead-letters", "list", "--storage.path", storage])
        #expect(list.code == 1)
        #expect(list.output.contains("user 65534 serves the control socket"), "\(list.output)")
    }

    @Test func jsonListIsTheSameFromARunningRelayAndFromTheSpool() throws {
        let folder = TemporaryFolder()
        let rig = try Rig(storage: folder.path + "/spool")
        makeOneDeadLetter(rig)
        let list = try run(["dead-letters", "list", "--json", "--storage.path", folder.path + "/spool"])
        let letters = try JSONSerialization.jsonObject(with: Data(list.output.utf8)) as? [[String: Any]]
        #expect(letters?.count == 1)
        rig.relay.send(SIGTERM)
        #expect(rig.relay.exitCode() == 0)
        let atRest = try run(["dead-letters", "list", "--json", "--storage.path", folder.path + "/spool"])
        #expect(atRest.output == list.output)
    }

    @Test(arguments: ["bash", "zsh", "fish"])
    func completionScriptListsTheCommands(shell: String) throws {
        let script = try run(["--generate-completion-script", shell])
        #expect(script.code == 0 && script.output.contains("dead-letters") && script.output.contains("send-test"))
    }
}
