import Support
import Testing

@testable import PostgreSQLJournal

@Suite struct PostgreSQLFailureTests {
    @Test(arguments: [
        ("25006", PostgreSQLFailure.Reason.readOnly), ("57P01", .readOnly), ("57P02", .readOnly), ("57P03", .readOnly),
        ("55P03", .busy), ("53300", .busy), ("53200", .busy), ("40001", .busy), ("40P01", .busy), ("57014", .busy),
        ("53100", .diskFull), ("3F000", .schema), ("42P01", .schema), ("42883", .schema), ("42501", .schema),
        ("RL002", .schema), ("RL001", .notDurable), ("28P01", .access), ("28000", .access), ("3D000", .access),
        ("57P04", .access), ("08006", .lost), ("08P01", .lost), ("58030", .readOnly), ("XX000", .other),
        ("22P05", .other), ("", .other), ("5", .other),
    ])
    func stateDecidesTheReason(state: String, reason: PostgreSQLFailure.Reason) {
        let error = PostgreSQLFailure(sqlState: state, severity: .error)
        #expect(error.reason == reason)
        #expect(!error.isOutcomeUnknown)
        // A server that is fatal may have committed, and has closed the connection.
        let fatal = PostgreSQLFailure(sqlState: state, severity: .fatal)
        #expect(fatal.isOutcomeUnknown && !fatal.keepsConnection && fatal.reason == reason)
    }

    @Test(arguments: ["55P03", "53300", "40001", "40P01", "53100", "3F000", "42P01", "RL001"])
    func connectionIsKeptAfterAnErrorOfTheStatement(state: String) {
        let error = PostgreSQLFailure(sqlState: state, severity: .error)
        #expect(error.keepsConnection && !error.shouldTryAnotherServer)
    }

    @Test func readOnlyServerIsLeft() {
        let error = PostgreSQLFailure(sqlState: "25006", severity: .error)
        #expect(!error.keepsConnection && error.shouldTryAnotherServer && !error.isOutcomeUnknown)
    }

    @Test(arguments: [PostgreSQLFailure.connectionLost, .deadline, .warning])
    func outcomeIsUnknownWithoutAnAnswer(failure: PostgreSQLFailure) {
        #expect(failure.isOutcomeUnknown && !failure.keepsConnection && failure.shouldTryAnotherServer)
    }

    @Test(arguments: [
        ("connection to server at \"db\" (10.0.0.1), port 5432 failed: FATAL:  28P01\n", "28P01"),
        ("connection to server on socket \"/x\" failed: FATAL:  53300\n", "53300"),
        ("FATAL:  57P03", "57P03"), ("ends in a word of five letters: HOSTS", nil), ("", nil),
        ("Connection refused", nil),
    ])
    func stateIsReadFromTheEndOfAMessage(message: String, state: String?) {
        #expect(PostgreSQLFailure.connecting(message, server: 0, of: 1).sqlState == state)
    }

    /// Every reason that is shown comes from a fixed list.
    @Test(arguments: [
        "could not translate host name \"sec\" to address: Name or service not known",
        "connection to server at \"sec\" failed: Connection refused", "SSL error: sec", "invalid port number: \"sec\"",
        "connection to server at \"sec\", port 5432 failed: FATAL:  28P01", "sec", "session is read-only sec",
    ])
    func messagesOfLibpqAreNotRepeated(message: String) {
        let failure = PostgreSQLFailure.connecting(message, server: 1, of: 3)
        #expect(!failure.description.contains("sec"), "\(failure)")
        #expect(failure.description.contains("2 of 3"))
    }

    @Test func serverTextIsShortAndOnOneLine() {
        let text = PostgreSQLFailure(
            sqlState: "XX000", severity: .error, detail: String(repeating: "a\nb", count: 1000)
        ).message
        #expect(text.utf8.count < 250 && !text.contains("\n"))
    }
}

@Suite struct PostgreSQLServersTests {
    private func options(_ text: String) throws -> [[String: String]] {
        try PostgreSQLServers(Secret(text)).targets.map { target in
            Dictionary(uniqueKeysWithValues: target.options.map { ($0.keyword, $0.value.revealed) })
        }
    }

    @Test func defaultsAreBelowTheUsers() throws {
        let plain = try options("host=a")[0]
        #expect(plain["target_session_attrs"] == "read-write" && plain["tcp_user_timeout"] == "4000")
        #expect(plain["connect_timeout"] == "3" && plain["client_encoding"] == "UTF8")
        let own = try options("host=a target_session_attrs=any tcp_user_timeout=9 client_encoding=LATIN1")[0]
        #expect(own["target_session_attrs"] == "any" && own["tcp_user_timeout"] == "9")
        #expect(own["client_encoding"] == "UTF8")
    }

    @Test(arguments: [
        "postgresql://u:p@a:1,b:2/db?connect_timeout=7",
        "host=a,b port=1,2 user=u password=p dbname=db connect_timeout=7",
    ])
    func hostsAreTriedOneByOne(text: String) throws {
        let targets = try options(text)
        #expect(targets.map { $0["host"] } == ["a", "b"] && targets.map { $0["port"] } == ["1", "2"])
        #expect(targets.allSatisfy { $0["password"] == "p" && $0["user"] == "u" && $0["dbname"] == "db" })
        #expect(try PostgreSQLServers(Secret(text)).connectTimeout == .seconds(7))
    }

    @Test(arguments: [
        ("hunter2", PostgreSQLServers.Problem.malformed), ("host=a password='hunter2", .malformed),
        ("postgresql://u:hunter2@[::1", .malformed), ("host=a\0password=hunter2", .malformed),
        ("host=a,b,c port=1,2", .ports(2, hosts: 3)), ("postgresql://relay:hunter2/x@db", .option("port")),
        ("host=a port=0", .option("port")), ("host=a port=99999999999999999999", .option("port")),
        ("host=a connect_timeout=hunter2", .option("connect_timeout")),
        ("host=a,b hostaddr=1.2.3.4", .option("hostaddr")),
        ("host=" + String(repeating: "a,", count: 40), .option("host")),
    ])
    func malformedStringIsRefusedWithoutItsContent(text: String, problem: PostgreSQLServers.Problem) {
        #expect(throws: problem) { try PostgreSQLServers(Secret(text)) }
        #expect(!problem.description.contains("hunter2"))
    }

    @Test func passwordIsNotInDescriptions() throws {
        let servers = try PostgreSQLServers(Secret("host=a password=hunter2"))
        var dumped = ""
        dump(servers, to: &dumped)
        #expect(!dumped.contains("hunter2") && !"\(servers)".contains("hunter2") && dumped.contains("<secret>"))
    }

    @Test(arguments: [
        ("host=db sslmode=verify-full", false), ("host=db", true), ("host=/run/x", false), ("host=localhost,db", true),
        ("", false), ("hostaddr=10.0.0.1 host=db sslmode=require", true),
    ])
    func remoteHostNeedsVerification(text: String, isUnverified: Bool) throws {
        #expect(try PostgreSQLServers(Secret(text)).isUnverified == isUnverified)
    }
}
