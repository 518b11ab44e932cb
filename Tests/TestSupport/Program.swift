import Foundation

/// A program started by a test, in its own process, ended by its id at the latest with this object.
// @unchecked because Process is only used from the test that owns the program, one call at a time.
public final class Program: @unchecked Sendable {
    private let process = Process()
    private let log: URL
    private let folder = TemporaryFolder()

    public enum Failure: Error { case notFound(String), notStarted(String) }

    /// - Parameters:
    ///   - executable: a path, or the name of a program beside the tests or in the PATH.
    ///   - input: a descriptor to be its standard input; it has no other of this process.
    public init(
        _ executable: String, _ arguments: [String] = [], environment: [String: String] = [:], input: Int32? = nil
    ) throws {
        log = URL(filePath: folder.path + "/log")
        _ = FileManager.default.createFile(atPath: log.path, contents: nil)
        process.executableURL = try Self.find(executable)
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        let output = try FileHandle(forWritingTo: log)
        process.standardOutput = output
        process.standardError = output
        process.standardInput = input.map { FileHandle(fileDescriptor: $0) } ?? FileHandle.nullDevice
        try process.run()
    }

    deinit {
        if process.isRunning {
            kill(process.processIdentifier, SIGKILL)
            waitForEnd()
        }
    }

    /// Not for ever: Foundation sees an end only once all that the program started has ended too.
    private func waitForEnd() {
        _ = eventually { !process.isRunning }
    }

    public var id: Int32 { process.processIdentifier }
    public var isRunning: Bool { process.isRunning }
    public var output: String { (try? String(contentsOf: log, encoding: .utf8)) ?? "" }

    public func send(_ signal: Int32) {
        if process.isRunning { kill(process.processIdentifier, signal) }
    }

    /// Waits for the end and returns the exit code, or minus the signal; nil where it does not end in time.
    public func exitCode(within seconds: Double = 30) -> Int32? {
        guard eventually(within: seconds, { !process.isRunning }) else { return nil }
        return process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus
    }

    public func killNow() {
        send(SIGKILL)
        waitForEnd()
    }

    /// The port in the first log line that says where the program listens.
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

    /// Where a program stands.
    public static func path(_ name: String) throws -> String { try find(name).path }

    private static func find(_ name: String) throws -> URL {
        if name.hasPrefix("/") { return URL(filePath: name) }
        // The tests' own executable stands beside the programs that were built with them.
        let own = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
        let paths = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map(String.init)
        for folder in [own.path, Bundle.main.bundlePath] + paths {
            let path = "\(folder)/\(name)"
            if FileManager.default.isExecutableFile(atPath: path) { return URL(filePath: path) }
        }
        throw Failure.notFound(name)
    }
}
