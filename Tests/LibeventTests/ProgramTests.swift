import Glibc
import TestSupport
import Testing

/// Tests of the helper that starts programs.
struct ProgramTests {
    @Test func exitIsReportedWhileAChildProcessRuns() throws {
        let shell = try Program("sh", ["-c", "sleep 60 & echo $!"])
        #expect(shell.exitCode(within: 20) == 0)
        let left = try #require(Int32(shell.output.dropLast()))
        #expect(kill(left, SIGKILL) == 0)
    }

    @Test(arguments: [("exit 3", 3), ("kill -TERM $$", -15)])
    func exitCodeIsTheCodeOrTheNegativeSignal(script: String, code: Int32) throws {
        #expect(try Program("sh", ["-c", script]).exitCode() == code)
    }

    @Test func programInheritsNoDescriptors() throws {
        let list = try Program("ls", ["/proc/self/fd"])
        #expect(list.exitCode() == 0)
        // Descriptor 3 is the folder that `ls` reads.
        #expect(list.output == "0\n1\n2\n3\n")
    }

    @Test func missingProgramIsReported() {
        #expect(throws: Program.Failure.self) { try Program("no-such-program") }
        #expect(throws: Program.Failure.self) { try Program("/no/such/program") }
    }
}
