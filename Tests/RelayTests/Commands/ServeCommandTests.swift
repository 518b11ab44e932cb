import ArgumentParser
import Foundation
import Libevent
import Logging
import TestSupport
import Testing

@testable import Relay

@Suite struct ServeCommandTests {
    @Test func vulnerableLibeventStopsTheStart() throws {
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        #expect(throws: ExitCode.needsOperator) { try ServeCommand.judge(.vulnerable, logger) }
        #expect(throws: Never.self) { try ServeCommand.judge(.safe, logger) }
        #expect(throws: Never.self) { try ServeCommand.judge(.unknown("no loopback"), logger) }
    }

    /// systemd must not restart the relay after an error that needs a person, such as a wrong command line.
    @Test func unitDoesNotRestartForExitCodesThatNeedAPerson() throws {
        let unit = try String(contentsOf: Checkout.root.appending(path: "systemd/relay.service"), encoding: .utf8)
        let line = try #require(unit.split(separator: "\n").first { $0.hasPrefix("RestartPreventExitStatus=") })
        #expect(
            line == "RestartPreventExitStatus=\(ExitCode.needsOperator.rawValue) \(ExitCode.validationFailure.rawValue)"
        )
        #expect(unit.contains("\nLimitCORE=0\n"))
    }
}
