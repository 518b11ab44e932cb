import Support
import CLinux
import Foundation
import Libevent

/// A child process of a test. It is killed when this object is released.
///
/// It inherits no descriptor except its input. Foundation's `Process` detects the exit by a socket that concurrently
/// started programs inherit, and so waits for them too. Tests that block the loop deadlocked by that.
public final class Program: Sendable {
    public let id: Int32
    private let log: String
    private let folder = TemporaryFolder()
    /// The status from waitpid(2); nil while the program runs.
    private let status = Locked<Int32?>(nil)

    public enum Failure: Error { case notFound(String), notStarted(String) }

    /// - Parameters:
    ///   - executable: a path, or the name of a program in the tests' build folder or in the PATH.
    ///   - input: a descriptor for the standard input; nil for /dev/null.
    public init(
        _ executable: String, _ arguments: [String] = [], environment: [String: String] = [:], input: Int32? = nil
    ) throws {
        log = folder.path + "/log"
        let path = try Self.find(executable)
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        if let input {
            posix_spawn_file_actions_adddup2(&actions, input, 0)
        } else {
            posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        }
        posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        posix_spawn_file_actions_addclosefrom_np(&actions, 3)

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // The event loop ignores signals, which the program must find with their default actions.
        var signals = sigset_t()
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP))

        let all = ProcessInfo.processInfo.environment.merging(environment) { $1 }.map { "\($0)=\($1)" }
        let words = ([path] + arguments).map { strdup($0) } + [nil]
        let variables = all.map { strdup($0) } + [nil]
        defer { for text in words + variables { free(text) } }
        var id: Int32 = 0
        let code = posix_spawn(&id, path, &actions, &attributes, words, variables)
        guard code == 0 else { throw Failure.notStarted("\(path): \(String(cString: strerror(code)))") }
        self.id = id
    }

    deinit { killNow() }

    public var isRunning: Bool { end(WNOHANG) == nil }
    public var output: String { (try? String(contentsOfFile: log, encoding: .utf8)) ?? "" }

    /// The number of its threads; 0 if it does not run.
    public var threads: Int { (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(id)/task").count) ?? 0 }

    /// Waits until the output contains the text. An earlier line does not prove that the next one is written.
    public func writes(_ text: String) -> Bool { eventually { output.contains(text) } }

    /// The exit status, which waitpid(2) returns only once; nil while the program runs.
    private func end(_ options: Int32) -> Int32? {
        status.withLock { status in
            guard status == nil else { return status }
            var ended: Int32 = 0
            if waitpid(id, &ended, options) == id { status = ended }
            return status
        }
    }

    public func send(_ signal: Int32) {
        // Running or not yet waited for: the process ID is not reused.
        if isRunning { kill(id, signal) }
    }

    /// Waits for the exit. Returns the exit code or the negative signal; nil if the program does not exit in time.
    public func exitCode(within seconds: Double = 30) -> Int32? {
        guard eventually(within: seconds, { !isRunning }), let status = end(WNOHANG) else { return nil }
        let signal = status & 0x7f
        return signal == 0 ? status >> 8 & 0xff : -signal
    }

    public func killNow() {
        send(SIGKILL)
        _ = end(0)
    }

    /// The port in the log line that reports the listening address.
    public func port(after key: String = "address=") throws -> UInt16 {
        var port: UInt16?
        let found = eventually {
            for line in output.split(separator: "\n") where line.lowercased().contains("listening") {
                guard let start = line.range(of: key) else { continue }
                let address = line[start.upperBound...].prefix { !$0.isWhitespace && $0 != "\"" }
                port = address.split(separator: ":").last.flatMap { UInt16($0) }
            }
            return port != nil || !isRunning
        }
        guard found, let port else { throw Failure.notStarted(output) }
        return port
    }

    /// The path of a program.
    public static func path(_ name: String) throws -> String { try find(name) }

    private static func find(_ name: String) throws -> String {
        if name.hasPrefix("/") { return name }
        // The tests' executable is in the same folder as the built programs.
        let own = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
        let paths = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map(String.init)
        for folder in [own.path, Bundle.main.bundlePath] + paths {
            let path = "\(folder)/\(name)"
            if FileManager.default.isExecutableFile(atPath: path) { return path }
        }
        throw Failure.notFound(name)
    }
}
