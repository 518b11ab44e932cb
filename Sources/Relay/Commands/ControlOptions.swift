import ArgumentParser
import Glibc
import Journaling
import SQLiteJournal

/// The options of commands that work on the spool: through the control socket of a running relay, otherwise on the
/// file.
struct ControlOptions: ParsableArguments {
    @Option(name: .customLong("storage.path"), help: "Storage folder of the spool (RELAY_STORAGE_PATH).")
    var storagePath: String?

    @Option(name: .customLong("config.file"), help: "YAML configuration file (RELAY_CONFIG).")
    var configFile: String?

    @Flag(help: "Print JSON.")
    var json = false

    /// Sends a request and returns its reply.
    typealias Ask = (ControlRequest) throws -> ControlReply
    /// Creates the service that answers if no relay runs.
    typealias ServiceOnSpool = (Journal<Never>) -> any ControlService

    /// Executes one request and prints its reply.
    func execute(_ request: ControlRequest, on service: ServiceOnSpool) throws {
        try ask(service) { ask in
            let reply = try ask(request)
            StandardStreams.print(reply.output)
            try Self.finish(reply)
        }
    }

    /// Prints a list page by page, so that neither process holds the whole list. In JSON, pages are elements of one
    /// array, without its brackets.
    ///
    /// - Parameter request: creates the request for the page after a place; nil for the first page, and for the next one
    ///   if no more is wanted.
    func printPages(_ request: (_ after: String?) -> ControlRequest?, on service: ServiceOnSpool) throws {
        guard let first = request(nil) else { return }
        try ask(service) { ask in
            var reply = try ask(first)
            StandardStreams.print((json ? "[" : "") + reply.output)
            while let next = reply.next.flatMap(request) {
                reply = try ask(next)
                StandardStreams.print((json && !reply.output.isEmpty ? "," : "") + reply.output)
            }
            if json { StandardStreams.print("]\n") }
            try Self.finish(reply)
        }
    }

    private static func finish(_ reply: ControlReply) throws {
        for problem in reply.problems { StandardStreams.complain(problem) }
        if !reply.problems.isEmpty { throw ExitCode(1) }
    }

    /// Calls `body` with a function that sends a request to the running relay, or to a service on the spool if none
    /// runs. The spool is opened once.
    private func ask(_ service: ServiceOnSpool, _ body: (Ask) throws -> Void) throws {
        // Otherwise a misspelt file would mean the spool of the default folder.
        if let configFile, storagePath == nil, access(configFile, R_OK) != 0 {
            StandardStreams.complain("\(configFile) cannot be read: \(String(cString: strerror(errno)))")
            throw ExitCode(1)
        }
        let (configuration, problems, _) = ConfigurationOptions.withoutSecrets(
            file: configFile, flags: ["storage.path": storagePath])
        let folder = configuration.storagePath
        do {
            let client = ControlClient(folder: folder)
            guard client.isServed else { return try runOnSpool(folder, service, body) }
            try body { request in
                if let reply = try client.ask(request) { return reply }
                throw ControlError(description: "the relay of \(folder) has exited")
            }
        } catch let code as ExitCode {
            throw code
        } catch {
            // An invalid setting may be why the folder is wrong.
            for problem in problems { StandardStreams.complain("\(problem)") }
            StandardStreams.complain("\(error)")
            throw ExitCode(1)
        }
    }

    /// Opens the spool directly. The spool lock makes this safe.
    private func runOnSpool(_ folder: String, _ service: ServiceOnSpool, _ body: (Ask) throws -> Void) throws {
        try Self.findSpool(in: folder)
        Self.becomeOwner(of: folder)
        let journal: Journal<Never>
        do throws(JournalOpenError) {
            journal = try Journal<Never>(
                opening: SQLiteJournalStore(SpoolSettings(folder: folder, allowsRoot: true)),
                settings: JournalSettings(history: .unlimited), onFailure: { _ in }, acknowledge: { _ in })
        } catch .locked(let folder, let process) {
            let lock = JournalOpenError.locked(folder: folder, process: process)
            throw ControlError(
                description:
                    "\(lock), which takes no commands now: it is starting or stopping, or has no control socket; "
                    + "see its log")
        }
        defer { journal.close() }
        // Report it here: the next start of the relay will not.
        if let degraded = journal.recovery.degraded { StandardStreams.complain("the spool: \(degraded)") }
        let service = service(journal)
        try body { request in
            guard let reply = service.execute(request) else { throw ControlError(description: "no such command") }
            return reply
        }
    }

    /// Root works as the user of the spool, so that the relay can use the files that this creates.
    private static func becomeOwner(of folder: String) {
        var (ofFolder, ofSpool) = (stat(), stat())
        guard geteuid() == 0, stat(folder, &ofFolder) == 0, stat(folder + "/spool.db", &ofSpool) == 0,
            ofSpool.st_uid != 0, ofFolder.st_uid == ofSpool.st_uid
        else { return }
        // Without the rights of that user nothing is lost: root goes on.
        _ = setegid(ofSpool.st_gid)
        _ = seteuid(ofSpool.st_uid)
    }

    private static func findSpool(in folder: String) throws(ControlError) {
        // An interrupted repair is finished when the spool is opened.
        guard access(folder + "/spool.db.ready", F_OK) != 0, access(folder + "/spool.db", F_OK) != 0 else { return }
        if errno == ENOENT || errno == ENOTDIR {
            throw ControlError(description: "there is no spool in \(folder); name its folder with --storage.path")
        }
        throw ControlError(
            description: "the spool in \(folder) cannot be reached: \(String(cString: strerror(errno))); "
                + "run this as the user that the relay runs as")
    }
}
